// The folder of packs: $SILMA_CACHE, $XDG_CACHE_HOME/silma, or ~/.cache/silma.
#ifndef SILMA_DATA_CACHE_H
#define SILMA_DATA_CACHE_H

#include "silma/silma.h"

// The path of the pack for the pictures of a folder, prepared so; the cache's folder is made. SILMA_USAGE if no
// variable says where that is. Free *path with free().
silma_status cache_pack_path(char **path, const char *folder, silma_split split, const silma_preparation *preparation,
                             silma_error *error);

// Where `path` has not been made because its preparation left something open, lets it lead to `made`, a pack of the
// same folder. Nothing is said if that fails: the pictures are then decoded again.
void cache_link(const char *path, const char *made);

// Removes what commands that were killed while they decoded have left beside this pack: files of gigabytes.
void cache_remove_abandoned(const char *pack_path);

#endif
