// Getting a data set of the catalogue: downloaded, checked, unpacked aside, and renamed into place.
#ifndef SILMA_CLI_FETCH_H
#define SILMA_CLI_FETCH_H

#include <silma/silma.h>

// How far the download of one file is; `total` is 0 while it is unknown. Returns false to stop: what has been
// downloaded is kept, and the next call goes on from there.
typedef bool fetch_progress_fn(const char *file, uint64_t done, uint64_t total, void *user);

// Puts the data set into "<folder>/<entry's name>", which must not be there yet, and never leaves it half done:
// everything happens in "<folder>/.<entry's name>.download" first. Files come from `base_url` (null: from their
// publishers). What is checked are the sums of the contents, so that a mirror may have compressed them anew, or the
// sums of the downloads where the catalogue does not know the contents'.
//
// SILMA_USAGE if it is there already, SILMA_INTERRUPTED if `progress` (which may be null) said so, SILMA_BAD_FILE if a
// sum is wrong, SILMA_IO for the network and the disk, SILMA_FAILURE in a build without libcurl.
silma_status fetch_dataset(const silma_catalog_entry_type *entry, const char *base_url, const char *folder,
                           fetch_progress_fn *progress, void *user, silma_error *error);

#endif
