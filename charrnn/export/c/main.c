/* ---- the program ---- */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define USAGE "usage: [--prompt TEXT] [--temp T] [--seed N] [--length N]" WEIGHTS_USAGE

static void fail(const char *what, const char *value) {
    fprintf(stderr, "charrnn: %s%s\n", what, value);
    exit(2);
}

static double number(const char *option, const char *text) {
    char *end;
    double value = strtod(text ? text : "", &end);
    if (!text || end == text || *end || !(value >= 0)) fail("expected a number, 0 or more, after ", option);
    return value;
}

static uint64_t whole(const char *option, const char *text) {
    unsigned long long value;
    errno = 0;
    value = strtoull(text ? text : "", NULL, 10);
    if (!text || !*text || text[strspn(text, "0123456789")] || errno)
        fail("expected a whole number below 2^64 after ", option);
    return value;
}

#ifdef WEIGHTS_BESIDE
static void load(const char *path) {
    uint8_t bytes[4];
    size_t k;
    FILE *file = fopen(path, "rb");
    if (!file) fail("cannot read the weights: ", path);
    if (fread(WEIGHTS, 1, sizeof WEIGHTS, file) != sizeof WEIGHTS) fail("too short: ", path);
    for (k = 0; k < sizeof SCALES / 2; k++) {
        if (fread(bytes, 1, 2, file) != 2) fail("too short: ", path);
        SCALES[k] = (uint16_t)(bytes[0] | bytes[1] << 8);
    }
    for (k = 0; k < sizeof VECTORS / 4; k++) {
        if (fread(bytes, 1, 4, file) != 4) fail("too short: ", path);
        VECTORS[k] = (int32_t)(bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24);
    }
    if (fgetc(file) != EOF) fail("too long: ", path);
    fclose(file);
}
#endif

/* where in a character one more byte of UTF-8 leads: 0 between two, else what must follow; -1: it may not stand there */
static int spelled(int state, int byte) {
    size_t k;
    for (k = 0; k < sizeof UTF8 / sizeof *UTF8; k++)
        if (UTF8[k][0] == state && UTF8[k][1] <= byte && byte <= UTF8[k][2]) return UTF8[k][3];
    return -1;
}

static void require_utf8(const char *text) {
    int state = 0;
    for (; *text && state >= 0; text++) state = spelled(state, (uint8_t)*text);
    if (state) fail("the prompt is not UTF-8", "");
}

#if BYTES
static int spelling; /* the state after what was written */

static int next_symbol(const char **text) { return **text ? (uint8_t)*(*text)++ : -1; }
static int put(int symbol) { /* the characters that it completes */
    putchar(symbol);
    spelling = spelled(spelling, symbol);
    if (spelling < 0) spelling = spelled(0, symbol) < 0 ? 0 : spelled(0, symbol);
    return spelling == 0;
}

static const uint8_t *allowed(void) {
    static uint8_t mask[256];
    int k;
    for (k = 0; k < 256; k++) mask[k] = spelled(spelling, k) >= 0;
    return mask;
}
#else
static int next_symbol(const char **text) {
    const uint8_t *s = (const uint8_t *)*text;
    int k, more = *s < 0x80 ? 0 : *s < 0xE0 ? 1 : *s < 0xF0 ? 2 : 3, low = 0, high = SYMBOLS - (UNKNOWN >= 0) - 1;
    uint32_t point = more ? *s & (0x3F >> more) : *s;
    if (!*s) return -1;
    for (k = 1; k <= more; k++) point = point << 6 | (s[k] & 0x3F);
    *text += more + 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (POINTS[middle] < point) low = middle + 1;
        else high = middle;
    }
    if (POINTS[low] == point) return low;
    if (UNKNOWN < 0) fail("the model does not know a character of the prompt: ", (const char *)s);
    return UNKNOWN;
}

static int put(int symbol) {
    uint32_t p = POINTS[symbol];
    int more = p < 0x80 ? 0 : p < 0x800 ? 1 : p < 0x10000 ? 2 : 3, k;
    putchar((int)(more ? (0xFF00 >> (more + 1) & 0xFF) | p >> 6 * more : p));
    for (k = more - 1; k >= 0; k--) putchar((int)(0x80 | (p >> 6 * k & 0x3F)));
    return 1;
}

static const uint8_t *allowed(void) { return NULL; }
#endif

int main(int argc, char **argv) {
    const char *prompt = "", *weights = WEIGHTS_FILE, *rest;
    double temperature = DEFAULT_TEMPERATURE;
    uint64_t seed = (uint64_t)time(NULL), length = DEFAULT_LENGTH, k = 0;
    int symbol, n;
    for (n = 1; n < argc; n += 2) {
        const char *value = n + 1 < argc ? argv[n + 1] : NULL;
        if (!strcmp(argv[n], "--prompt") && value) prompt = value;
        else if (!strcmp(argv[n], "--temp") || !strcmp(argv[n], "--temperature")) temperature = number(argv[n], value);
        else if (!strcmp(argv[n], "--length") || !strcmp(argv[n], "-n")) length = whole(argv[n], value);
        else if (!strcmp(argv[n], "--seed")) seed = whole(argv[n], value);
        else if (!strcmp(argv[n], "--weights") && value) weights = value;
        else if (!strcmp(argv[n], "--help")) return puts(USAGE) < 0;
        else fail(USAGE "; not ", argv[n]);
    }
#ifdef WEIGHTS_BESIDE
    load(weights);
#else
    (void)weights;
#endif
    require_utf8(prompt);
    charrnn_seed(seed, 0);
    charrnn_reset();
    if (ITEM_END >= 0) charrnn_read(ITEM_END);
    else if (!*prompt && NEWLINE >= 0) charrnn_read(NEWLINE);
    for (rest = prompt; (symbol = next_symbol(&rest)) >= 0; put(symbol)) charrnn_read(symbol);
    while (k < length) {
        symbol = charrnn_draw(temperature, allowed());
        if (symbol == ITEM_END) break;
        k += (uint64_t)put(symbol);
        charrnn_read(symbol);
    }
    if (ITEM_END >= 0) putchar('\n');
    return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
