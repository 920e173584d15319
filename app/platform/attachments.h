// SPDX-License-Identifier: MIT
/*
 * attachments - which files a message carries, from the shapes in which
 * messages come: parts of kind file, image, audio or video with a `file`
 * object or their own members, and the flat manifest of an upload.
 */
#ifndef APP_PLATFORM_ATTACHMENTS_H
#define APP_PLATFORM_ATTACHMENTS_H

#include <jansson.h>

/* The attachments of a row's request_body (borrowed, may be NULL or any
 * value): a new array of {kind, uri?, mime_type?, name?}, empty when there is
 * none; NULL when out of memory. */
json_t *attachments_of(const json_t *request_body);

/* The attachments of message parts as a canvas shows them: a new array of
 * {name, mimeType, uri, size?}. */
json_t *attachments_shown(const json_t *parts);

#endif
