// The files below a folder, or a file itself, in the order of their names, one after the other: memory is taken for the
// names of the folders that are open, however many files there are.
#ifndef SILMA_CLI_PICTURE_WALK_H
#define SILMA_CLI_PICTURE_WALK_H

#include "problem.h"

typedef struct picture_visitor {
    // Each gets a path that is valid during the call. Not SILMA_OK ends the walk.
    silma_status (*file)(void *user, const char *path, problem *why);
    // A folder that cannot be read, or holds nothing; `reason` is "PATH: ...".
    silma_status (*bad)(void *user, const char *path, const silma_error *reason, problem *why);
    void *user;
} picture_visitor;

// `path` itself where it is no folder. In a folder, hidden files and what desktops leave behind (Thumbs.db,
// desktop.ini) are passed over, and so is a folder that a link leads to a second time.
silma_status picture_walk(const char *path, const picture_visitor *visitor, problem *why);

#endif
