// How a folder of pictures is laid out: its sub-folders are the classes, or train/, val/ and test/ that hold them.
#ifndef SILMA_DATA_FOLDER_LAYOUT_H
#define SILMA_DATA_FOLDER_LAYOUT_H

#include "silma/silma.h"

// Empty when zeroed.
typedef struct name_list {
    char **names;
    size_t count, capacity;
} name_list;

void name_list_free(name_list *list);
bool name_list_add(name_list *list, const char *name); // false: memory is short
// The sorted names in an opened folder, which it closes; hidden ones and leftovers are passed over.
silma_status name_list_read(name_list *list, int descriptor, const char *path, silma_error *error);

// The splits' sub-folders; that of the validation images has several names.
extern const char TRAIN_FOLDER[], TEST_FOLDER[];

typedef struct folder_layout {
    bool split;                            // train/, val/, test/ hold the classes
    const char *train, *validation, *test; // those that are there; null: not
    const char *second_validation;         // and none may be
    name_list folders;                     // of the folder itself
} folder_layout;

// Free l->folders with name_list_free, also after a failure.
silma_status folder_layout_read(folder_layout *l, const char *folder, silma_error *error);
// The sorted classes: those of all splits together, so that a label means the same in each. May take l->folders.
silma_status folder_layout_classes(folder_layout *l, const char *folder, name_list *classes, silma_error *error);
// Whether the folder is one of pictures that has this split. Looks at the folder and its sub-folders only.
bool folder_layout_holds(const char *folder, silma_split split);

#endif
