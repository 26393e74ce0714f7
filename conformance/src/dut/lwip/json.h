/* Just enough JSON to read what the harness writes: values are found in place, nothing is copied or checked. */
#ifndef JSON_H
#define JSON_H

#include <stdlib.h>
#include <string.h>

/* Behind the string that begins at `at`. */
static const char *json_past_string(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

/* Behind the value that begins at `at`. */
static const char *json_past(const char *at)
{
    int depth = 0;
    do {
        if (*at == '"') {
            at = json_past_string(at);
        } else if (*at == '{' || *at == '[') {
            depth++, at++;
        } else if (*at == '}' || *at == ']') {
            depth--, at++;
        } else if (depth == 0) {
            at += strcspn(at, ",]}");
        } else {
            at++;
        }
    } while (*at && depth > 0);
    return at;
}

/* The value of `key` in the object at `object`; NULL if there is none. */
static const char *json_member(const char *object, const char *key)
{
    size_t len = strlen(key);
    if (!object || *object != '{')
        return NULL;
    for (const char *at = object + 1; *at == '"';) {
        const char *value = json_past_string(at) + 1;
        if (!strncmp(at + 1, key, len) && at[1 + len] == '"')
            return value;
        at = json_past(value);
        at += *at == ',';
    }
    return NULL;
}

/* The first element of the array at `array`; NULL if there is none. */
static const char *json_first(const char *array)
{
    return array && *array == '[' && array[1] != ']' ? array + 1 : NULL;
}

/* The element after `element`; NULL at the end. */
static const char *json_next(const char *element)
{
    const char *end = json_past(element);
    return *end == ',' ? end + 1 : NULL;
}

/* Whether the value at `value` is the string `text`. */
static int json_is(const char *value, const char *text)
{
    size_t len = strlen(text);
    return value && *value == '"' && !strncmp(value + 1, text, len) && value[1 + len] == '"';
}

/* Whether two values are the same text. */
static int json_same(const char *a, const char *b)
{
    size_t len = a && b ? (size_t)(json_past(a) - a) : 0;
    return len && len == (size_t)(json_past(b) - b) && !strncmp(a, b, len);
}

/* The number at `value`, or `otherwise` if there is none. */
static long json_number(const char *value, long otherwise)
{
    return value ? strtol(value, NULL, 10) : otherwise;
}

#endif
