/* SPDX-License-Identifier: MIT */
/*
 * bench_report.c - where freshet bench rpc writes its report, in which forms, and what the exit status says of it.
 */
#include "freshet/bench_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "freshet/command.h"
#include "freshet/report.h"
#include "load/compare.h"
#include "load/picture.h"

static void (*const append[BENCH_FORMS])(struct fr_buffer *out, const struct report *report) = {
    [BENCH_JSON] = report_append_json,
    [BENCH_CSV] = report_append_csv,
    [BENCH_PROMETHEUS] = report_append_prometheus,
    [BENCH_PLOT] = picture_append,
};

int bench_outputs_check(const struct bench_outputs *self)
{
    struct fr_error error;
    enum fr_code code = output_check(self->paths, BENCH_FORMS, self->paths[BENCH_PLOT], &error);
    return code == FR_OK                 ? 0
           : code == FR_INVALID_ARGUMENT ? report_usage("bench rpc", "%s", error.message)
                                         : report_failure("%s", error.message);
}

int bench_outputs_open(struct bench_outputs *self)
{
    struct fr_error error;
    for (size_t i = 0; i < BENCH_FORMS; i++) {
        if (output_open(&self->files[i], self->paths[i], &error) != FR_OK) {
            return report_failure("%s", error.message);
        }
    }
    return 0;
}

void bench_outputs_close(struct bench_outputs *self)
{
    for (size_t i = 0; i < BENCH_FORMS; i++) {
        output_close(&self->files[i]);
    }
}

static int write_form(const struct report *report, struct output *file, enum bench_form form)
{
    struct fr_buffer out = {0};
    struct fr_error error;
    append[form](&out, report);
    if (form == BENCH_PLOT && picture_left_out(report) > 0) {
        fprintf(stderr, "freshet: the picture leaves out the percentiles of %zu of the %zu runs\n",
                picture_left_out(report), report->run_count);
    }
    enum fr_code code =
        form == BENCH_PLOT ? output_write_picture(file, &out, &error) : output_write(file, &out, &error);
    fr_buffer_fini(&out);
    return code == FR_OK ? 0 : report_failure("%s", error.message);
}

/* For people, where standard output does not carry something else; the comparison then goes to standard error. */
static int write_text(const struct report *report, bool on_stdout)
{
    struct fr_buffer out = {0};
    struct fr_error error;
    struct output output = {.path = "the report", .stream = on_stdout ? stdout : stderr};
    if (on_stdout) {
        report_append_text(&out, report);
    }
    if (report->older != NULL) {
        compare_append(&out, report);
    }
    enum fr_code code = out.size > 0 ? output_write(&output, &out, &error) : FR_OK;
    fr_buffer_fini(&out);
    return code == FR_OK ? 0 : report_failure("%s", error.message);
}

int bench_report_write(struct bench_outputs *self, const struct report *report)
{
    int exit_code = 0;
    bool text = true;
    for (enum bench_form form = 0; form < BENCH_FORMS; form++) {
        if (self->files[form].stream != NULL) {
            int written = write_form(report, &self->files[form], form);
            exit_code = exit_code == 0 ? written : exit_code;
            text = text && self->files[form].stream != stdout;
        }
    }
    int written = write_text(report, text);
    return exit_code == 0 ? written : exit_code;
}

int bench_report_judge(const struct report *report)
{
    int exit_code = 0;
    for (size_t i = 0; i < report->run_count; i++) {
        const struct run *run = &report->runs[i];
        for (size_t j = 0; j < report->slo_count; j++) {
            struct fr_buffer reached = {0};
            if (!slo_is_met(&report->slos[j], run)) {
                slo_append_reached(&report->slos[j], run, &reached);
                const char *text = fr_buffer_text(&reached);
                exit_code =
                    report_failure("objective %s missed: %s", report->slos[j].text, text == NULL ? "" : text);
            }
            fr_buffer_fini(&reached);
        }
        for (unsigned code = 1; code < FR_CODE_COUNT && !report_limits_errors(report); code++) {
            if (run->sum->codes[code] > 0) {
                exit_code = report_failure("%" PRIu64 " call%s failed with %s: %s", run->sum->codes[code],
                                           run->sum->codes[code] == 1 ? "" : "s", fr_code_name(code),
                                           run->tally.messages[code]);
            }
        }
    }
    return exit_code;
}
