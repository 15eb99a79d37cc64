// One file from a web server, by libcurl.
#ifndef SILMA_CLI_DOWNLOAD_H
#define SILMA_CLI_DOWNLOAD_H

#include "fetch.h"

typedef struct download {
    const char *url;
    const char *path; // a file that is there already is continued
    const char *name; // what `progress` calls it
    fetch_progress_fn *progress;
    void *user;
} download;

silma_status download_file(const download *task, silma_error *error);

#endif
