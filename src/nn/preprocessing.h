// How pictures enter a model, as the JSON object `preprocessing` of its file:
//     {"height":32,"width":32,"channels":1,"scale":[...],"shift":[...],
//      "picture":{"height":28,"width":28,"channels":1,"resize":"fit","background":[0,0,0]}}
// Outside `picture`: the network's input; a pixel p of channel c enters as p * scale[c] + shift[c]. `picture`: what a
// picture becomes before that (silma_preparation); an image that is smaller than the input is set into the middle of a
// black one, as pad.h does it. "tta":"flip" or "shift" where several looks are taken at an image: looks.h.
//
// Files of before there was a `picture` mean stretching to the input's size; "mirror":true is what "tta":"flip" was.
#ifndef SILMA_NN_PREPROCESSING_H
#define SILMA_NN_PREPROCESSING_H

#include "nn/model.h"

// Null if memory is short.
json_t *preprocessing_to_json(const silma_model *model);

// Whether the object lists a scale and a shift for each channel of the network: to be asked before memory is taken for
// them.
bool preprocessing_lists_channels(const json_t *object, const graph *g);

// Sets scale, shift and preparation. SILMA_BAD_FILE unless all of it fits the network.
silma_status preprocessing_read(silma_model *model, const json_t *object, const char *path, silma_error *error);

// What a picture becomes where nobody said: the network's input, stretched, over black.
silma_preparation preprocessing_default(const graph *g);

#endif
