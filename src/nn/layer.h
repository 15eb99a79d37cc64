// What a layer is: a small table of functions and a contract.
//
// The contract (what backward needs, the output's shape, whether it may work in place, its parameters and their
// initialisers) is filled by `resolve`. The planner, the summary, the checkpoint and the tests read the contract;
// none of them has a switch over layer kinds. A layer lives in one file in nn/layers/ and on one line of
// nn/layers/list.c; docs/add-a-layer.md shows how to add one.
#ifndef SILMA_NN_LAYER_H
#define SILMA_NN_LAYER_H

#include "core/private.h"
#include "kernels/kernels.h"
#include "nn/initialiser.h"
#include "nn/words.h"
#include "silma/silma.h"

// The shape of one image's activations. A vector (after flatten or dense) has h = w = 1 and flat set.
typedef struct shape {
    int h, w, c;
    bool flat;
} shape;

// h*w*c; the graph builder has checked that it fits.
static inline size_t shape_count(shape s)
{
    return (size_t)s.h * (size_t)s.w * (size_t)s.c;
}

enum { PARAMETERS_MAX = 4, LAYER_NAME_MAX = 64 };

typedef struct parameter {
    const char *name; // "kernel", "bias", "gamma", ...: Keras's names
    size_t dims[4];
    int rank;
    size_t count; // product of dims
    initialiser initial;
    size_t fan_in, fan_out; // for the initialiser
    bool trainable;
    size_t offset; // floats, in the vector of weights if trainable, otherwise in the vector of statistics
} parameter;

// What backward needs and what the planner may do. A combination of these.
typedef enum layer_contract {
    LAYER_KEEPS_INPUT = 1,       // backward reads x
    LAYER_KEEPS_OUTPUT = 2,      // backward reads y
    LAYER_IN_PLACE = 4,          // forward may be called with y == x[0], if nobody else needs x[0]
    LAYER_GRADIENT_IN_PLACE = 8, // backward may be called with dx[0] == dy
    LAYER_SAME_BYTES = 16,       // y is x[0] under another shape (flatten): forward and backward are never called
    LAYER_WHOLE_BATCH = 32,      // wants all images of the batch in one call: faster so (dense)
} layer_contract;

typedef struct layer_type layer_type;
struct explanation; // nn/explain.h

typedef struct layer {
    const layer_type *type;
    char name[LAYER_NAME_MAX]; // unique: the user's name=, otherwise type and running number ("conv1")
    int line;                  // in the text, for messages
    void *settings;            // type->settings_size bytes, the layer's own
    activation act;            // of conv and dense: part of the layer (moved to the graph's head on the last layer)
    size_t input_count;
    size_t *inputs; // (input_count) numbers of earlier layers

    // Filled by resolve:
    shape out;
    unsigned contract; // of layer_contract
    int parameter_count;
    parameter parameters[PARAMETERS_MAX];
    uint64_t multiply_adds; // forward, one image
} layer;

// Memory for a call with n images beside x, y and their gradients.
typedef struct layer_memory {
    size_t saved;              // bytes kept from forward to backward, for the batch as a whole
    size_t saved_image;        // bytes kept from forward to backward, for each image
    size_t packed;             // bytes kept from call to call, see `pack`; inference only
    size_t forward_workspace;  // bytes during the call; `packed` more where the call has no such memory
    size_t backward_workspace; // bytes during the call
} layer_memory;

// Slices of a batch may be under way on several threads at the same time; what they add to sums of the whole batch they
// add in the slices' order. Zero: there is nobody else.
typedef struct layer_turn {
    const atomic_size_t *now; // the slice whose turn it is
    size_t mine;
} layer_turn;

// One call: of all images of a batch, or of n that follow each other in it, from first_image (a multiple of 16) on.
// Pointers are to the first of these images; those that the contract does not ask for are null.
typedef struct layer_call {
    const layer *layer;
    const kernels *k;
    thread_pool *pool;
    int n;                 // images in this call
    size_t batch;          // images in the whole batch
    size_t first_image;    // of this call, in the batch
    bool training;         // dropout drops, batch normalisation uses the batch's statistics
    uint64_t seed;         // of the run
    uint32_t step;         // training step, from 0: what dropout draws with
    uint32_t lane;         // the layer's number in the graph
    const shape *in;       // (input_count)
    const float *const *x; // (input_count) each (n, in.h, in.w, in.c)
    float *y;              // (n, out.h, out.w, out.c)
    float *dy;             // gradient of y; backward may use it up
    float *const *dx;      // (input_count) to be overwritten; an entry is null where nobody needs the gradient
    float *weights;        // all trainable parameters of the network
    float *gradients;      // theirs, from the one at gradient_offset on; overwritten by backward
    size_t gradient_offset;
    float *statistics; // all other parameters (moving averages)
    void *saved;       // layer_memory's, as the last forward left it
    void *saved_image; // the same, of the first image
    void *packed;      // what `pack` left; null: the layer packs for itself
    void *workspace;
    layer_turn turn;
} layer_call;

struct layer_type {
    const char *name;     // the word in the .silma text
    const char *synopsis; // what is expected, shown by error messages: "conv FILTERS HxW [same|valid] [ACTIVATION] ..."
    size_t settings_size;
    bool joins; // takes two or more inputs, by their names; the others have one

    // Takes the layer's words from the line (nn/words.h); common words (name=, from=) are gone already. Whatever is
    // left over is reported by the caller. Fills settings (zeroed before) and act.
    silma_status (*parse)(layer *l, words *line, silma_error *error);
    // Fills out, contract, parameters and multiply_adds from the inputs' shapes. Must be idempotent: it is called again
    // when the head is taken off. A failure is SILMA_BAD_FILE with a bare message ("a 5x5 filter does not fit into
    // 3x3"): the caller puts file, line and layer before it.
    silma_status (*resolve)(layer *l, const shape *in, silma_error *error);
    // The options as text, in the .silma grammar, without name and from; at most size bytes with the final zero.
    void (*describe)(const layer *l, char *text, size_t size);
    // Gives the layer a bias if it has none, for what is folded into its kernel (nn/fold.h); to be resolved again.
    // Null: its output is not linear in a kernel whose last dimension are the output's channels.
    void (*add_bias)(layer *l);
    // Memory for n images; never less for a larger n. Null: none.
    void (*memory)(const layer *l, const kernels *k, unsigned threads, int n, bool training, const shape *in,
                   layer_memory *memory);
    // Inference: what forward would make of the parameters alone in each call, made once into call->packed
    // (layer_memory's). Null: nothing.
    void (*pack)(const layer_call *call);
    // What training must know of the whole batch before forward, or backward, may take its images: batch
    // normalisation's sums. Called with all images in their order, some at a time, as soon as x, or dy, is there and
    // still in the cache; the call with the last image (first_image + n == batch) completes the sums. gather_forward
    // must have one input. Before it touches the sums, or anything but its workspace, it calls layer_await_turn.
    // Parameter gradients are written by gather_backward, not by backward, where it exists. Null: nothing.
    void (*gather_forward)(const layer_call *call);
    void (*gather_backward)(const layer_call *call);
    void (*forward)(const layer_call *call);
    // Writes dx (where not null) and the gradients of its trainable parameters, as far as these images give them.
    void (*backward)(const layer_call *call);
    // How the layer explains itself to a reader (nn/explain.h); `e` is zeroed before. Null: by its values alone.
    void (*explain)(const layer *l, const shape *in, struct explanation *e);
};

// Every layer type, ended by null (nn/layers/list.c).
extern const layer_type *const layer_types[];
const layer_type *layer_type_find(const char *name); // null where there is none

// The activations by name, "relu" to "softmax"; used by conv, dense and the activation layers.
bool activation_find(const char *name, activation_kind *kind);
const char *activation_name(activation_kind kind) SILMA_PRIVATE_API(activation_name);

// Adds a parameter while resolving; checks the product of dims. The name must be a literal.
silma_status layer_add_parameter(layer *l, const char *name, bool trainable, initialiser initial, size_t fan_in,
                                 size_t fan_out, int rank, const size_t *dims, silma_error *error);

// The values and gradients of parameter i during a call.
const float *layer_values(const layer_call *call, int i);
float *layer_statistics(const layer_call *call, int i); // parameter i is not trainable
float *layer_gradient(const layer_call *call, int i);

// Returns when all slices before this one have added to the sums; until the slice is done it is then its turn.
void layer_await_turn(const layer_call *call);

#endif
