#include "download.h"

#ifdef SILMA_HAVE_CURL

#include "../src/core/error.h"

#include <curl/curl.h>
#include <stdio.h>
#include <unistd.h>

enum { CONNECT_SECONDS = 30, STALLED_SECONDS = 60, STALLED_BYTES = 1, MAX_REDIRECTS = 5 };
static const curl_off_t MAX_BYTES = (curl_off_t)1 << 30;

typedef struct transfer {
    const download *task;
    FILE *file;
    curl_off_t resumed; // bytes that were there before
    curl_off_t received;
    bool write_failed;
    bool stopped;
    bool too_large;
    long http_status;
} transfer;

static size_t receive(char *bytes, size_t size, size_t count, void *user)
{
    transfer *state = user;
    size_t total = size * count;
    state->received += (curl_off_t)total;
    state->too_large = state->resumed + state->received > MAX_BYTES;
    if (state->too_large) return 0;
    state->write_failed = fwrite(bytes, 1, total, state->file) != total;
    return state->write_failed ? 0 : total;
}

static int report(void *user, curl_off_t total, curl_off_t done, curl_off_t to_send, curl_off_t sent)
{
    (void)to_send;
    (void)sent;
    transfer *state = user;
    const download *task = state->task;
    if (!task->progress) return 0;
    uint64_t all = total > 0 ? (uint64_t)(state->resumed + total) : 0;
    state->stopped = !task->progress(task->name, (uint64_t)(state->resumed + done), all, task->user);
    return state->stopped;
}

static bool configure(CURL *curl, transfer *state, char *message)
{
    return curl_easy_setopt(curl, CURLOPT_URL, state->task->url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALLED_SECONDS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)STALLED_BYTES) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, state->resumed) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, (void *)state) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, report) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, (void *)state) == CURLE_OK;
}

static silma_status explain(const transfer *state, CURLcode code, const char *message, silma_error *error)
{
    const download *task = state->task;
    if (state->stopped)
        return silma_fail(error, SILMA_INTERRUPTED, "%s: stopped; the same command goes on from here", task->url);
    if (state->write_failed) return silma_fail_io(error, task->path, "cannot be written");
    if (state->too_large)
        return silma_fail(error, SILMA_BAD_FILE, "%s: is larger than any data set of the catalogue", task->url);
    return silma_fail(error, SILMA_IO, "%s: cannot be downloaded: %s", task->url,
                      message[0] != '\0' ? message : curl_easy_strerror(code));
}

static CURLcode perform(transfer *state, char *message)
{
    CURL *curl = curl_easy_init();
    if (!curl) return CURLE_OUT_OF_MEMORY;
    CURLcode code = configure(curl, state, message) ? curl_easy_perform(curl) : CURLE_FAILED_INIT;
    if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &state->http_status) != CURLE_OK) state->http_status = 0;
    curl_easy_cleanup(curl);
    return code;
}

// The server cannot continue, or has no such place in its file: what is here may be of an older one.
static bool must_restart(const transfer *state, CURLcode code)
{
    enum { RANGE_NOT_SATISFIABLE = 416 };
    return code == CURLE_RANGE_ERROR || (state->resumed > 0 && state->http_status == RANGE_NOT_SATISFIABLE);
}

// Downloads what is missing at the end of the file; *restart tells that it has to be downloaded from its beginning.
static silma_status continue_file(const download *task, const char *mode, bool *restart, silma_error *error)
{
    char message[CURL_ERROR_SIZE] = "";
    transfer state = {.task = task, .file = fopen(task->path, mode)};
    if (!state.file) return silma_fail_io(error, task->path, "cannot be created");
    CURLcode code = CURLE_FAILED_INIT;
    if (fseeko(state.file, 0, SEEK_END) == 0) {
        state.resumed = ftello(state.file);
        code = perform(&state, message);
    }
    *restart = must_restart(&state, code);
    silma_status status = code == CURLE_OK ? SILMA_OK : explain(&state, code, message, error);
    if (fflush(state.file) != 0 || fsync(fileno(state.file)) != 0) {
        if (status == SILMA_OK) status = silma_fail_io(error, task->path, "cannot be written");
    }
    if (fclose(state.file) != 0 && status == SILMA_OK) status = silma_fail_io(error, task->path, "cannot be written");
    return status;
}

silma_status download_file(const download *task, silma_error *error)
{
    bool restart = false;
    silma_status status = continue_file(task, "ab", &restart, error);
    return restart ? continue_file(task, "wb", &restart, error) : status;
}

#endif
