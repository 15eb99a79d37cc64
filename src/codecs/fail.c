#include "codecs/fail.h"

#include <stdarg.h>
#include <stdio.h>

silma_status codec_fail(silma_error *error, silma_status status, const char *format, ...)
{
    if (!error) return status;
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    if (vsnprintf(error->message, sizeof(error->message), format, arguments) < 0) error->message[0] = '\0';
    va_end(arguments);
    return status;
}
