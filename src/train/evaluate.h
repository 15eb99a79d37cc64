// What measuring a model and calibrating it share.
#ifndef SILMA_TRAIN_EVALUATE_H
#define SILMA_TRAIN_EVALUATE_H

#include "nn/model.h"

// SILMA_USAGE unless the data set has labels, of the model's classes.
silma_status evaluate_check_classes(const silma_model *model, const silma_dataset *dataset, silma_error *error);

// SILMA_USAGE if one of the listed images (`indices` may be null) is not in the data set.
silma_status evaluate_check_indices(const silma_dataset *dataset, const uint32_t *indices, size_t count,
                                    silma_error *error);

#endif
