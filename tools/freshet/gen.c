/* SPDX-License-Identifier: MIT */
/*
 * gen.c - freshet gen: stubs, messages, run time and an example for each language, in a folder of its own.
 *
 * protoc reads the .proto files once, into descriptor sets in a temporary folder; every generator works from these, and
 * writes there too. What they made is copied when all have succeeded.
 */
#include "freshet/gen.h"

#include <google/protobuf/descriptor.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "freshet/command.h"
#include "freshet/files.h"
#include "freshet/folder.h"
#include "freshet/near.h"
#include "freshet/protos.h"
#include "freshet/report.h"
#include "freshet/spawn.h"
#include "freshet/usage.h"
#include "message/message.h"

#define ARENA_CHUNK_BYTES 65536

static struct {
    struct fr_option_list languages, folders;
    const char *out;
} given;

static const struct fr_option options[] = {
    {.name = "lang",
     .letter = 'l',
     .type = FR_OPTION_LIST,
     .argument = "LIST",
     .help = "languages, with commas between: c, cpp, python, js, go",
     .value = &given.languages},
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .help = "where the folders of the languages go; it is made if need be",
     .value = &given.out},
    {.name = "import-path",
     .letter = 'I',
     .type = FR_OPTION_LIST,
     .argument = "DIR",
     .help = "where FILE and its imports are, otherwise here or beside FILE",
     .value = &given.folders},
};

static const struct usage usage = {
    .command = "gen",
    .arguments = "--lang LIST --out DIR [-I DIR]… FILE…",
    .text = "Makes a folder for each language, such as DIR/go: messages, typed clients, what they stand on, and a\n"
            "program \"run\" that tries an example. What you have changed in the example and around it is kept.\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min = 1,
    .max = 4096,
};

struct job {
    int file_count;
    char **files;
    const struct gen_language *languages[8];
    size_t language_count;
    char program_folder[FOLDER_FILE_BYTES];
    struct folder temporary;
    struct fr_arena *arena;
    Google__Protobuf__FileDescriptorSet *wanted, *all; /* what FILE… hold, and with all imports */
};

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* ---- programs ---- */

static int missing(const char *what, const char *program, const char *from)
{
    return report_failure("%s needs the program %s: %s", what, program, from);
}

/* A program of this project, or of a package of npm here or there, or any. */
static bool find_program(const struct job *job, const char *language, const char *program, struct fr_buffer *path)
{
    struct fr_buffer there = {0};
    fr_buffer_append_format(&there, "%s/%s/node_modules/.bin", given.out, language);
    const char *const folders[] = {job->program_folder, "node_modules/.bin", fr_buffer_text(&there)};
    bool found = spawn_find(program, folders, sizeof folders / sizeof folders[0], path);
    fr_buffer_fini(&there);
    return found;
}

static int check_programs(const struct job *job)
{
    struct fr_buffer path = {0};
    int exit_code = 0;
    if (!find_program(job, "", "protoc", &path)) {
        exit_code = missing("freshet gen", "protoc", "apt-get install protobuf-compiler");
    }
    if (!find_program(job, "", "protoc-gen-freshet", &path)) {
        exit_code = missing("freshet gen", "protoc-gen-freshet", "it comes with Freshet, beside freshet");
    }
    for (size_t i = 0; i < job->language_count; i++) {
        const struct gen_language *language = job->languages[i];
        for (const struct gen_tool *tool = language->tools; tool->program != NULL; tool++) {
            if (!find_program(job, language->name, tool->program, &path)) {
                exit_code = missing(language->name, tool->program, tool->from);
            }
        }
    }
    fr_buffer_fini(&path);
    return exit_code;
}

/* "--plugin=NAME=PATH" where PATH would not be found otherwise. */
static void add_plugin(const struct job *job, const char *language, const char *program, struct words *words)
{
    struct fr_buffer path = {0};
    if (find_program(job, language, program, &path)) {
        words_add(words, "--plugin=%s=%s", program, fr_buffer_text(&path));
    }
    fr_buffer_fini(&path);
}

/* ---- reading the .proto files ---- */

static int read_set(const struct job *job, const char *path, Google__Protobuf__FileDescriptorSet **ret_set)
{
    struct fr_buffer content = {0};
    struct fr_error error;
    struct ProtobufCMessage *message;
    int exit_code = files_read(path, &content);
    if (exit_code == 0 && fr_message_unpack(&google__protobuf__file_descriptor_set__descriptor, fr_buffer_bytes(&content),
                                            job->arena, &message, &error) != FR_OK) {
        exit_code = report_failure("protoc wrote no descriptors: %s", error.message);
    } else if (exit_code == 0) {
        *ret_set = (Google__Protobuf__FileDescriptorSet *)message;
    }
    fr_buffer_fini(&content);
    return exit_code;
}

static int compile(struct job *job, bool imports, Google__Protobuf__FileDescriptorSet **ret_set)
{
    struct words words = {0};
    char path[FOLDER_FILE_BYTES];
    snprintf(path, sizeof path, "%s/%s", job->temporary.path, imports ? "all" : "wanted");
    words_add(&words, "protoc");
    protos_add_folders(&words, &given.folders, (const char *const *)job->files, (size_t)job->file_count,
                       job->temporary.path);
    words_add(&words, "--include_source_info");
    words_add(&words, "--descriptor_set_out=%s", path);
    if (imports) {
        words_add(&words, "--include_imports");
    }
    for (int i = 0; i < job->file_count; i++) {
        words_add(&words, "%s", job->files[i]);
    }
    /* The first time tells the warnings. */
    int exit_code = gen_run(&words, NULL, NULL, !imports);
    return exit_code != 0 ? exit_code : read_set(job, path, ret_set);
}

static bool is_wanted(const struct job *job, const char *name)
{
    for (size_t i = 0; i < job->wanted->n_file; i++) {
        if (strcmp(job->wanted->file[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A library has its messages. */
static bool is_compiled(const struct job *job, const struct gen_language *language, const char *name)
{
    for (const char *const *start = language->compiled; *start != NULL; start++) {
        if (begins(name, *start)) {
            return !is_wanted(job, name);
        }
    }
    return false;
}

/* ---- one language ---- */

static void add_go_packages(const struct job *job, const struct gen_language *language, const char *option,
                            struct words *words)
{
    for (size_t i = 0; i < job->all->n_file; i++) {
        if (!is_compiled(job, language, job->all->file[i]->name)) {
            struct fr_buffer package = {0};
            gen_go_package(&package, job->all->file[i]->name);
            words_add(words, "%s%s", option, fr_buffer_text(&package) == NULL ? "" : fr_buffer_text(&package));
            fr_buffer_fini(&package);
        }
    }
}

/* flag with folder in the place of "@". */
static void add_flag(struct words *words, const char *flag, const char *folder)
{
    size_t size = strcspn(flag, "@");
    words_add(words, "%.*s%s", (int)size, flag, flag[size] == '\0' ? "" : folder);
}

/* Returns how many. */
static size_t add_messages(const struct job *job, const struct gen_language *language, struct words *words)
{
    size_t count = 0;
    for (size_t i = 0; i < job->all->n_file; i++) {
        if (!is_compiled(job, language, job->all->file[i]->name)) {
            words_add(words, "%s", job->all->file[i]->name);
            count++;
        }
    }
    return count;
}

/* protoc-c gets no services: see tools/protoc-gen-freshet/strip.h. */
static int make_c_messages(const struct job *job, const struct gen_language *language, const char *folder)
{
    struct words strip = {0}, words = {0};
    struct fr_buffer plugin = {0};
    char all[FOLDER_FILE_BYTES], stripped[FOLDER_FILE_BYTES];
    snprintf(all, sizeof all, "%s/all", job->temporary.path);
    snprintf(stripped, sizeof stripped, "%s/stripped", job->temporary.path);
    find_program(job, language->name, "protoc-gen-freshet", &plugin);
    words_add(&strip, "%s", plugin.size == 0 ? "protoc-gen-freshet" : fr_buffer_text(&plugin));
    words_add(&strip, "--without-services");
    int exit_code = gen_run(&strip, all, stripped, true);
    words_add(&words, "protoc-c");
    words_add(&words, "--descriptor_set_in=%s", stripped);
    words_add(&words, "--c_out=%s", folder);
    add_messages(job, language, &words);
    if (exit_code == 0) {
        exit_code = gen_run(&words, NULL, NULL, true);
    }
    words_fini(&words);
    fr_buffer_fini(&plugin);
    return exit_code;
}

static int make_messages(const struct job *job, const struct gen_language *language, const char *folder)
{
    struct words words = {0};
    if (language->message_flags[0] == NULL) {
        return make_c_messages(job, language, folder);
    }
    words_add(&words, "protoc");
    words_add(&words, "--descriptor_set_in=%s/all", job->temporary.path);
    for (const struct gen_tool *tool = language->tools; tool->program != NULL; tool++) {
        add_plugin(job, language->name, tool->program, &words);
    }
    for (const char *const *flag = language->message_flags; *flag != NULL; flag++) {
        add_flag(&words, *flag, folder);
    }
    if (language->go_packages) {
        add_go_packages(job, language, "--go_opt=", &words);
    }
    add_messages(job, language, &words);
    return gen_run(&words, NULL, NULL, true);
}

/* Where the generators put a language's files, until all languages have theirs. */
static void name_staged(const struct job *job, const struct gen_language *language, char ret_path[FOLDER_FILE_BYTES])
{
    snprintf(ret_path, FOLDER_FILE_BYTES, "%s/out/%s", job->temporary.path, language->name);
}

static bool has_example(const struct gen_language *language)
{
    struct fr_buffer path = {0};
    fr_buffer_append_format(&path, "%s/%s/%s", given.out, language->name, language->example);
    bool there = fr_buffer_text(&path) != NULL && access(fr_buffer_text(&path), F_OK) == 0;
    fr_buffer_fini(&path);
    return there;
}

static int make_stubs(const struct job *job, const struct gen_language *language, const char *folder)
{
    struct words words = {0};
    words_add(&words, "protoc");
    words_add(&words, "--descriptor_set_in=%s/all", job->temporary.path);
    add_plugin(job, language->name, "protoc-gen-freshet", &words);
    words_add(&words, "--freshet_out=%s", folder);
    words_add(&words, "--freshet_opt=lang=%s", language->name);
    for (const char *const *flag = language->stub_flags; *flag != NULL; flag++) {
        add_flag(&words, *flag, folder);
    }
    if (language->go_packages) {
        add_go_packages(job, language, "--freshet_opt=", &words);
    }
    if (!has_example(language)) {
        words_add(&words, "--freshet_opt=example");
    }
    for (size_t i = 0; i < job->wanted->n_file; i++) {
        words_add(&words, "%s", job->wanted->file[i]->name);
    }
    return gen_run(&words, NULL, NULL, true);
}

static int stage_language(const struct job *job, const struct gen_language *language)
{
    char folder[FOLDER_FILE_BYTES], inside[FOLDER_FILE_BYTES + 1];
    name_staged(job, language, folder);
    snprintf(inside, sizeof inside, "%s/", folder);
    int exit_code = files_make_parents(inside);
    /* First what tells mistakes best. */
    exit_code = exit_code != 0 ? exit_code : make_stubs(job, language, folder);
    return exit_code != 0 ? exit_code : make_messages(job, language, folder);
}

static int write_language(const struct job *job, const struct gen_language *language)
{
    char staged[FOLDER_FILE_BYTES], carried[32];
    struct fr_buffer buffer = {0};
    name_staged(job, language, staged);
    snprintf(carried, sizeof carried, "%s/", language->name);
    fr_buffer_append_format(&buffer, "%s/%s", given.out, language->name);
    const char *folder = fr_buffer_text(&buffer);
    int exit_code = folder == NULL ? report_failure("out of memory") : files_copy(staged, folder);
    exit_code = exit_code != 0 ? exit_code : files_write_embedded(carried, folder, language->run_time);
    if (exit_code == 0 && has_example(language)) {
        printf("%s: %s/run tries %s; it needs %s\n", language->name, folder, language->example, language->needs);
    } else if (exit_code == 0) {
        printf("%s: %s has the messages; no file has a service, so there is no %s for run to try\n", language->name,
               folder, language->example);
    }
    fr_buffer_fini(&buffer);
    return exit_code;
}

/* ---- the command ---- */

static int unknown_language(const char *name)
{
    struct near near = {0};
    struct fr_buffer hint = {0};
    fr_buffer_append_text(&hint, "; there are");
    for (size_t i = 0; i < gen_language_count; i++) {
        near_offer(&near, name, gen_languages[i].name);
        fr_buffer_append_format(&hint, "%s %s", i == 0 ? "" : ",", gen_languages[i].name);
    }
    near_append_question(&near, &hint);
    int exit_code = report_usage("gen", "unknown language '%s'%s", name, fr_buffer_text(&hint));
    fr_buffer_fini(&hint);
    return exit_code;
}

static int choose_language(struct job *job, const char *name)
{
    for (size_t i = 0; i < gen_language_count; i++) {
        if (strcmp(gen_languages[i].name, name) == 0) {
            for (size_t j = 0; j < job->language_count; j++) {
                if (job->languages[j] == &gen_languages[i]) {
                    return 0;
                }
            }
            job->languages[job->language_count++] = &gen_languages[i];
            return 0;
        }
    }
    return unknown_language(name);
}

static int choose_languages(struct job *job)
{
    int exit_code = 0;
    for (size_t i = 0; i < given.languages.count && exit_code == 0; i++) {
        for (const char *at = given.languages.items[i]; *at != '\0' && exit_code == 0;) {
            char name[32] = "";
            size_t size = strcspn(at, ",");
            strncat(name, at, size < sizeof name - 1 ? size : sizeof name - 1);
            exit_code = size == 0 ? 0 : choose_language(job, name);
            at += size + (at[size] == ',');
        }
    }
    return exit_code == 0 && job->language_count == 0 ? report_usage("gen", "name the languages with --lang") : exit_code;
}

static int generate_all(struct job *job)
{
    struct fr_error error;
    int exit_code = check_programs(job);
    if (exit_code != 0) {
        return exit_code;
    }
    job->arena = fr_arena_new(ARENA_CHUNK_BYTES);
    if (job->arena == NULL) {
        return report_failure("out of memory");
    }
    if (folder_init(&job->temporary, &error) != FR_OK) {
        return report_failure("%s", error.message);
    }
    exit_code = protos_write_carried(job->temporary.path);
    exit_code = exit_code != 0 ? exit_code : compile(job, false, &job->wanted);
    exit_code = exit_code != 0 ? exit_code : compile(job, true, &job->all);
    for (size_t i = 0; i < job->language_count && exit_code == 0; i++) {
        exit_code = stage_language(job, job->languages[i]);
    }
    for (size_t i = 0; i < job->language_count && exit_code == 0; i++) {
        exit_code = write_language(job, job->languages[i]);
    }
    return exit_code;
}

int command_gen(int argc, char **argv)
{
    struct job job = {0};
    struct fr_error error;
    int exit_code;
    if (!usage_parse(&usage, argc, argv, &job.file_count, &exit_code)) {
        return exit_code;
    }
    job.files = argv + 1;
    exit_code = choose_languages(&job);
    if (exit_code == 0 && (given.out == NULL || given.out[0] == '\0')) {
        exit_code = report_usage("gen", "say with --out where the folders go");
    }
    if (exit_code == 0 && folder_of_program(job.program_folder, &error) != FR_OK) {
        exit_code = report_failure("%s", error.message);
    }
    exit_code = exit_code != 0 ? exit_code : generate_all(&job);
    fr_arena_free(job.arena);
    folder_fini(&job.temporary);
    return exit_code;
}
