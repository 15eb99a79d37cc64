#define _GNU_SOURCE
#include "kernels/context.h"

#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_OF(number) #number
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *silma_version(void)
{
    return VERSION_TEXT(SILMA_VERSION_MAJOR, SILMA_VERSION_MINOR, SILMA_VERSION_PATCH);
}

silma_status silma_context_create(silma_context **result, const silma_context_options *options, silma_error *error)
{
    silma_context_options defaults = {0};
    if (!options) options = &defaults;
    silma_context *context = calloc(1, sizeof *context);
    if (!context) return silma_fail_memory(error, sizeof *context);
    const char *isa = options->isa ? options->isa : secure_getenv("SILMA_ISA");
    if (isa && !*isa) isa = NULL;
    if (options->backend == SILMA_BACKEND_REFERENCE) isa = "reference";
    silma_status status = kernels_find(&context->k, isa, error);
    if (status == SILMA_OK && options->no_winograd && context->k->direct) context->k = context->k->direct;
    if (status == SILMA_OK) status = thread_pool_create(&context->pool, options->threads, error);
    if (status != SILMA_OK) {
        silma_context_free(context);
        return status;
    }
    *result = context;
    return SILMA_OK;
}

void silma_context_free(silma_context *context)
{
    if (!context) return;
    thread_pool_free(context->pool);
    free(context);
}

unsigned silma_context_threads(const silma_context *context)
{
    return thread_pool_size(context->pool);
}

const char *silma_context_isa(const silma_context *context)
{
    return context->k->name;
}
