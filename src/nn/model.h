// A model: a network, its weights, the names of its classes, and how pictures are prepared for it.
//
// In a file (safetensors) the tensors lie under "layer.parameter", and under __metadata__:
//     format         "silma 1"
//     network        the .silma text
//     classes        JSON: ["T-shirt/top", ...]
//     preprocessing  JSON: how pictures enter the network, see preprocessing.h
//     calibration    JSON: {"temperature":1.6,"threshold":0.4,"error_rate":0.05,"images":12000}, if calibrated
//     summary        JSON: how it was trained, if it was by a run: {"silma":"0.1.0","network":"cnn","data":{"name":...,
//                    "sha256":...,"train_images":...,"validation_images":...},"settings":{"loss":...,...},
//                    "epoch":{"epoch":9,"loss":...,"val_accuracy":...}} (no times: the same run writes the same bytes)
#ifndef SILMA_NN_MODEL_H
#define SILMA_NN_MODEL_H

#include "core/private.h"
#include "formats/safetensors.h"
#include "nn/fold.h"
#include "nn/graph.h"
#include "nn/looks.h"
#include "nn/plan.h"

#include <jansson.h>

struct silma_model {
    graph *g;
    float *weights;     // (g->weight_count)
    float *statistics;  // (g->statistic_count)
    char **class_names; // (class_count)
    int class_count;
    float *scale, *shift;          // (channels)
    silma_preparation preparation; // of pictures, before they are padded to the network's input
    looks tta;                     // the looks that are taken at each image
    silma_calibration calibration; // temperature 1 and zeros where there is none
    char *summary;                 // JSON, or null
    // Inference, prepared by the first call with these. From then on the weights stay: training has a plan of its own.
    folded_network folded; // what the plan runs, if there is a graph; otherwise it runs `g`
    plan *p;
    void *arena;
    size_t batch;        // images that a run may take
    size_t wanted_batch; // what model_prepare was asked for
    const kernels *k;
    thread_pool *pool;
    unsigned threads; // of the pool: another one may have taken its address
};

// A model that takes over `g` (freed also on failure) with weights of zero; class names are copied, null: "0", "1", ...
silma_status model_create(silma_model **model, graph *g, const char *const *class_names, int class_count,
                          silma_error *error) SILMA_PRIVATE_API(model_create);

// Whether the network's outputs stand for so many classes: an output a class, or a single one, of a sigmoid, for two.
bool model_outputs_fit(const graph *g, int class_count);

// Calibration does not go beyond these: a model that is always right on its images would be called certain.
#define MODEL_TEMPERATURE_LEAST 0.05
#define MODEL_TEMPERATURE_MOST 20.0

// Images that one run of the inference plan takes at most: what keeps its memory small.
enum { MODEL_BATCH_MAX = 256 };

// Prepares for batches of `batch` images on this pool and table, or (model->batch) of fewer where these would need more
// than a gigabyte: a text of a few lines can ask for that. Does nothing if it is prepared.
silma_status model_prepare(silma_model *model, const kernels *k, thread_pool *pool, size_t batch, silma_error *error)
    SILMA_PRIVATE_API(model_prepare);

// Logits of n images listed by `indices` out of `pixels`, divided by the model's temperature; n at most model->batch.
// The result stays in the plan's arena until the next call.
const float *model_run(silma_model *model, size_t n, const uint32_t *indices, const uint8_t *pixels)
    SILMA_PRIVATE_API(model_run);

// Adds the vector's tensors to a file as "<prefix>layer.parameter": trainable ones from `weights`, the others from
// `statistics`, which may be null.
silma_status model_add_tensors(safetensors_writer *writer, const graph *g, const char *prefix, const float *weights,
                               const float *statistics, silma_error *error);
// The reverse of model_add_tensors; `path` is for messages. SILMA_BAD_FILE if a tensor is missing or has another shape.
silma_status model_read_tensors(const safetensors *file, const char *path, const graph *g, const char *prefix,
                                float *weights, float *statistics, silma_error *error);

// Adds what describes a model: format, network, classes, preprocessing, calibration, summary.
silma_status model_add_metadata(safetensors_writer *writer, const silma_model *model, silma_error *error);

// As it was trained: the temperature is 1, nothing is unknown.
void model_forget_calibration(silma_model *model);

// Reads a model from an opened file.
silma_status model_read(silma_model **model, const safetensors *file, const char *path, silma_error *error);

// The class probabilities of one row of logits: (outputs) -> (class_count). A single sigmoid output means two classes:
// 1 - a and a.
void model_probabilities(const silma_model *model, const float *logits, float *probabilities);

#endif
