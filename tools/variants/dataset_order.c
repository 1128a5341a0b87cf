/* SPDX-License-Identifier: MIT */
/*
 * dataset_order.c - orders: a row each, and one for every line of theirs.
 */
#include <string.h>

#include <shapes.pb-c.h>

#include "variants/dataset.h"
#include "variants/rows.h"

#define LINES_MOST   16
#define OPTIONS_MOST 4
#define COLUMNS                                                                                                     \
    "id, status, create_time_us, customer_id, customer_name, customer_email, billing_street, billing_city, "        \
    "billing_code, billing_country, shipping_street, shipping_city, shipping_code, shipping_country, card_network, " \
    "card_last_four, card_verified, total_cents, currency_code"
#define LINE_COLUMNS "sku, title, quantity, unit_price_cents, options"

const char dataset_order_tables[] =
    "CREATE TABLE orders(\n"
    "  id TEXT PRIMARY KEY NOT NULL, status INTEGER NOT NULL, create_time_us INTEGER NOT NULL,\n"
    "  customer_id TEXT NOT NULL, customer_name TEXT NOT NULL, customer_email TEXT NOT NULL,\n"
    "  billing_street TEXT NOT NULL, billing_city TEXT NOT NULL, billing_code TEXT NOT NULL,\n"
    "  billing_country TEXT NOT NULL,\n"
    "  shipping_street TEXT NOT NULL, shipping_city TEXT NOT NULL, shipping_code TEXT NOT NULL,\n"
    "  shipping_country TEXT NOT NULL,\n"
    "  card_network TEXT NOT NULL, card_last_four TEXT NOT NULL, card_verified INTEGER NOT NULL,\n"
    "  total_cents INTEGER NOT NULL, currency_code TEXT NOT NULL\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE order_lines(\n"
    "  order_id TEXT NOT NULL REFERENCES orders(id), position INTEGER NOT NULL,\n"
    "  sku TEXT NOT NULL, title TEXT NOT NULL, quantity INTEGER NOT NULL, unit_price_cents INTEGER NOT NULL,\n"
    "  options TEXT NOT NULL, -- one a line\n"
    "  PRIMARY KEY (order_id, position)\n"
    ") WITHOUT ROWID;\n";

/* What the rows of one order are read into. */
struct reading {
    struct rows rows;
    Payload__V1__Order *order; /* NULL: none was found */
};

static Payload__V1__Address *read_address(struct rows *rows, const struct fr_store_row *row, unsigned column)
{
    Payload__V1__Address *address = rows_take(rows, sizeof *address);
    if (address != NULL) {
        payload__v1__address__init(address);
        address->street = rows_text(rows, row, column);
        address->city = rows_text(rows, row, column + 1);
        address->postal_code = rows_text(rows, row, column + 2);
        address->country_code = rows_text(rows, row, column + 3);
    }
    return address;
}

static Payload__V1__Customer *read_customer(struct rows *rows, const struct fr_store_row *row, unsigned column)
{
    Payload__V1__Customer *customer = rows_take(rows, sizeof *customer);
    if (customer != NULL) {
        payload__v1__customer__init(customer);
        customer->id = rows_text(rows, row, column);
        customer->display_name = rows_text(rows, row, column + 1);
        customer->email = rows_text(rows, row, column + 2);
        customer->billing_address = read_address(rows, row, column + 3);
        customer->shipping_address = read_address(rows, row, column + 7);
    }
    return customer;
}

static Payload__V1__CardPayment *read_card(struct rows *rows, const struct fr_store_row *row, unsigned column)
{
    Payload__V1__CardPayment *card = rows_take(rows, sizeof *card);
    if (card != NULL) {
        payload__v1__card_payment__init(card);
        card->network = rows_text(rows, row, column);
        card->last_four = rows_text(rows, row, column + 1);
        card->verified = fr_store_row_get(row, column + 2).integer != 0;
    }
    return card;
}

static bool on_order(void *argument, const struct fr_store_row *row)
{
    struct reading *reading = argument;
    struct rows *rows = &reading->rows;
    Payload__V1__Order *order = rows_take(rows, sizeof *order);
    if (order == NULL) {
        return false;
    }
    payload__v1__order__init(order);
    order->id = rows_text(rows, row, 0);
    order->status = (Payload__V1__OrderStatus)fr_store_row_get(row, 1).integer;
    order->create_time = rows_time(rows, row, 2);
    order->customer = read_customer(rows, row, 3);
    order->payment_case = PAYLOAD__V1__ORDER__PAYMENT_CARD;
    order->card = read_card(rows, row, 14);
    order->total_cents = fr_store_row_get(row, 17).integer;
    order->currency_code = rows_text(rows, row, 18);
    order->lines = rows_take(rows, LINES_MOST * sizeof order->lines[0]);
    reading->order = order;
    return false;
}

/* Splits the column at its line feeds. */
static void read_options(struct rows *rows, const struct fr_store_row *row, unsigned column,
                         Payload__V1__OrderLine *line)
{
    char *text = rows_text(rows, row, column), *end;
    line->options = rows_take(rows, OPTIONS_MOST * sizeof line->options[0]);
    if (rows->failed || text[0] == '\0') {
        return;
    }
    do {
        end = strchr(text, '\n');
        line->options[line->n_options++] = text;
        if (end != NULL) {
            *end = '\0';
            text = end + 1;
        }
    } while (end != NULL && line->n_options < OPTIONS_MOST);
}

static bool on_line(void *argument, const struct fr_store_row *row)
{
    struct reading *reading = argument;
    struct rows *rows = &reading->rows;
    Payload__V1__OrderLine *line = rows_take(rows, sizeof *line);
    if (line == NULL || reading->order->n_lines == LINES_MOST) {
        return false;
    }
    payload__v1__order_line__init(line);
    line->sku = rows_text(rows, row, 0);
    line->title = rows_text(rows, row, 1);
    line->quantity = (uint32_t)fr_store_row_get(row, 2).integer;
    line->unit_price_cents = fr_store_row_get(row, 3).integer;
    read_options(rows, row, 4, line);
    reading->order->lines[reading->order->n_lines++] = line;
    return !rows->failed;
}

enum fr_code dataset_order_select(struct fr_store_connection *connection, const char *id, struct fr_arena *arena,
                                  ProtobufCMessage **ret_message, uint64_t *ret_version, struct fr_error *reterr)
{
    static const char sql[] = "SELECT " COLUMNS " FROM orders WHERE id = $1";
    static const char lines_sql[] =
        "SELECT " LINE_COLUMNS " FROM order_lines WHERE order_id = $1 ORDER BY position";
    struct fr_store_value key = fr_store_text(id);
    struct reading reading = {.rows = {.arena = arena}};
    enum fr_code code = fr_store_run(connection, sql, &key, 1, on_order, &reading, NULL, reterr);
    if (code == FR_OK && reading.order == NULL && !reading.rows.failed) {
        return fr_error_set(reterr, FR_NOT_FOUND, "'%s' does not exist", id);
    }
    if (code == FR_OK && !reading.rows.failed) {
        code = fr_store_run(connection, lines_sql, &key, 1, on_line, &reading, NULL, reterr);
    }
    if (code != FR_OK) {
        return code;
    }
    if (reading.rows.failed) {
        return fr_error_no_memory(reterr);
    }
    *ret_message = &reading.order->base;
    *ret_version = 1; /* nobody changes an order here */
    return FR_OK;
}

static enum fr_code insert_line(struct fr_store_connection *connection, const char *order_id, size_t position,
                                const Payload__V1__OrderLine *line, struct fr_error *reterr)
{
    static const char sql[] =
        "INSERT INTO order_lines(order_id, position, " LINE_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7)";
    struct fr_buffer options = {0};
    for (size_t i = 0; i < line->n_options; i++) {
        fr_buffer_append_format(&options, "%s%s", i == 0 ? "" : "\n", line->options[i]);
    }
    const char *text = fr_buffer_text(&options);
    enum fr_code code = FR_RESOURCE_EXHAUSTED;
    if (text == NULL) {
        (void)fr_error_no_memory(reterr);
    } else {
        const struct fr_store_value values[] = {fr_store_text(order_id),
                                                fr_store_integer((int64_t)position),
                                                fr_store_text(line->sku),
                                                fr_store_text(line->title),
                                                fr_store_integer(line->quantity),
                                                fr_store_integer(line->unit_price_cents),
                                                fr_store_text(text)};
        code = fr_store_run(connection, sql, values, sizeof values / sizeof values[0], NULL, NULL, NULL, reterr);
    }
    fr_buffer_fini(&options);
    return code;
}

enum fr_code dataset_order_insert(struct fr_store_connection *connection, const ProtobufCMessage *message,
                                  struct fr_error *reterr)
{
    static const char sql[] = "INSERT INTO orders(" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
                              "$12, $13, $14, $15, $16, $17, $18, $19)";
    const Payload__V1__Order *order = (const Payload__V1__Order *)message;
    const Payload__V1__Customer *customer = order->customer;
    const Payload__V1__Address *billing = customer->billing_address, *shipping = customer->shipping_address;
    const struct fr_store_value values[] = {
        fr_store_text(order->id),
        fr_store_integer(order->status),
        rows_time_value(order->create_time),
        fr_store_text(customer->id),
        fr_store_text(customer->display_name),
        fr_store_text(customer->email),
        fr_store_text(billing->street),
        fr_store_text(billing->city),
        fr_store_text(billing->postal_code),
        fr_store_text(billing->country_code),
        fr_store_text(shipping->street),
        fr_store_text(shipping->city),
        fr_store_text(shipping->postal_code),
        fr_store_text(shipping->country_code),
        fr_store_text(order->card->network),
        fr_store_text(order->card->last_four),
        fr_store_integer(order->card->verified),
        fr_store_integer(order->total_cents),
        fr_store_text(order->currency_code),
    };
    enum fr_code code =
        fr_store_run(connection, sql, values, sizeof values / sizeof values[0], NULL, NULL, NULL, reterr);
    for (size_t i = 0; i < order->n_lines && code == FR_OK; i++) {
        code = insert_line(connection, order->id, i, order->lines[i], reterr);
    }
    return code;
}
