#include "data/notice.h"

#include <stdarg.h>
#include <stdio.h>

void notice(const silma_dataset_options *options, const char *format, ...)
{
    if (!options->notice) return;
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    options->notice(message, options->notice_user);
}
