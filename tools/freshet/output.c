/* SPDX-License-Identifier: MIT */
/*
 * output.c - files that results are written to.
 */
#include "freshet/output.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "freshet/child.h"

static bool ends_with(const char *path, const char *end)
{
    size_t size = strlen(path), end_size = strlen(end);
    return size > end_size && strcmp(path + size - end_size, end) == 0;
}

static bool is_png(const char *path)
{
    return ends_with(path, ".png");
}

static enum fr_code check_picture(const char *path, struct fr_error *reterr)
{
    struct fr_buffer version = {0};
    char *arguments[] = {"rsvg-convert", "--version", NULL};
    if (strcmp(path, "-") != 0 && !ends_with(path, ".svg") && !is_png(path)) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                            "--plot: expected a file that ends in .svg or .png, got '%s'", path);
    }
    enum fr_code code =
        is_png(path) ? child_run(arguments, (struct fr_bytes){0}, "librsvg2-bin", &version, reterr) : FR_OK;
    fr_buffer_fini(&version);
    return code;
}

enum fr_code output_check(const char *const paths[], size_t count, const char *picture,
                          struct fr_error *reterr)
{
    unsigned on_stdout = 0;
    for (size_t i = 0; i < count; i++) {
        on_stdout += paths[i] != NULL && strcmp(paths[i], "-") == 0;
    }
    if (on_stdout > 1) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "only one report can go to standard output");
    }
    return picture == NULL ? FR_OK : check_picture(picture, reterr);
}

enum fr_code output_open(struct output *self, const char *path, struct fr_error *reterr)
{
    *self = (struct output){.path = path};
    if (path == NULL) {
        return FR_OK;
    }
    self->stream = strcmp(path, "-") == 0 ? stdout : fopen(path, "ae");
    self->replaces = self->stream != stdout;
    return self->stream != NULL
               ? FR_OK
               : fr_error_set(reterr, FR_INVALID_ARGUMENT, "cannot open '%s': %s", path, strerror(errno));
}

/* Does nothing to what is no file, such as a pipe. */
static int empty(struct output *self)
{
    struct stat about;
    int fd = fileno(self->stream);
    bool is_file = self->replaces && fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    self->replaces = false;
    return is_file ? ftruncate(fd, 0) : 0;
}

enum fr_code output_write(struct output *self, const struct fr_buffer *content, struct fr_error *reterr)
{
    if (content->failed) {
        return fr_error_no_memory(reterr);
    }
    errno = 0;
    if (empty(self) != 0 || fwrite(content->data, 1, content->size, self->stream) != content->size ||
        fflush(self->stream) != 0) {
        return fr_error_set(reterr, FR_DATA_LOSS, "cannot write '%s': %s", self->path, strerror(errno));
    }
    return FR_OK;
}

enum fr_code output_write_picture(struct output *self, const struct fr_buffer *svg, struct fr_error *reterr)
{
    if (!is_png(self->path)) {
        return output_write(self, svg, reterr);
    }
    struct fr_buffer png = {0};
    char *arguments[] = {"rsvg-convert", "--format", "png", NULL};
    enum fr_code code = svg->failed
                            ? fr_error_no_memory(reterr)
                            : child_run(arguments, fr_buffer_bytes(svg), "librsvg2-bin", &png, reterr);
    if (code == FR_OK) {
        code = output_write(self, &png, reterr);
    }
    fr_buffer_fini(&png);
    return code;
}

void output_close(struct output *self)
{
    if (self->stream != NULL && self->stream != stdout) {
        fclose(self->stream); /* all of it is written already */
    }
    self->stream = NULL;
}

enum fr_code output_save(const char *folder, const char *name, struct fr_bytes content,
                         struct fr_error *reterr)
{
    struct fr_buffer path = {0};
    struct output file = {0};
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "cannot make the folder '%s': %s", folder,
                            strerror(errno));
    }
    fr_buffer_append_format(&path, "%s/%s", folder, name);
    const char *text = fr_buffer_text(&path);
    enum fr_code code = text == NULL ? fr_error_no_memory(reterr) : output_open(&file, text, reterr);
    if (code == FR_OK) {
        struct fr_buffer view = {.data = (uint8_t *)content.data, .size = content.size};
        code = output_write(&file, &view, reterr);
    }
    output_close(&file);
    fr_buffer_fini(&path);
    return code;
}
