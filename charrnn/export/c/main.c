/* ---- the program ---- */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void fail(const char *what, const char *value) {
    fprintf(stderr, "charrnn: %s%s\n", what, value);
    exit(2);
}

static double number(const char *option, const char *text, double least) {
    char *end;
    double value = strtod(text ? text : "", &end);
    if (!text || end == text || *end || !(value >= least)) fail("expected a number after ", option);
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

#if BYTES
static int spelling; /* where in a character: 0 between two, 1 to 3 bytes to come, or after E0, ED, F0, F4 */

static int spelled(int state, int byte) {
    static const uint8_t WAYS[][4] = {{0, 0, 0x7F, 0}, {0, 0xC2, 0xDF, 1}, {0, 0xE0, 0xE0, 4}, {0, 0xED, 0xED, 5},
        {0, 0xE1, 0xEF, 2}, {0, 0xF0, 0xF0, 6}, {0, 0xF4, 0xF4, 7}, {0, 0xF1, 0xF3, 3}, {1, 0x80, 0xBF, 0},
        {2, 0x80, 0xBF, 1}, {3, 0x80, 0xBF, 2}, {4, 0xA0, 0xBF, 1}, {5, 0x80, 0x9F, 1}, {6, 0x90, 0xBF, 2},
        {7, 0x80, 0x8F, 2}};
    size_t k;
    for (k = 0; k < sizeof WAYS / sizeof *WAYS; k++)
        if (WAYS[k][0] == state && WAYS[k][1] <= byte && byte <= WAYS[k][2]) return WAYS[k][3];
    return -1;
}

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
    uint32_t point = *s;
    int k, more = *s < 0x80 ? 0 : *s < 0xE0 ? 1 : *s < 0xF0 ? 2 : 3, low = 0, high = SYMBOLS - (UNKNOWN >= 0) - 1;
    if (!*s) return -1;
    if (more) point = *s & (0x3F >> more);
    for (k = 1; k <= more; k++) {
        if ((s[k] & 0xC0) != 0x80) fail("the prompt is not UTF-8", "");
        point = point << 6 | (s[k] & 0x3F);
    }
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
    if (p < 0x80) putchar((int)p);
    else {
        if (p < 0x800) putchar((int)(0xC0 | p >> 6));
        else {
            if (p < 0x10000) putchar((int)(0xE0 | p >> 12));
            else {
                putchar((int)(0xF0 | p >> 18));
                putchar((int)(0x80 | (p >> 12 & 0x3F)));
            }
            putchar((int)(0x80 | (p >> 6 & 0x3F)));
        }
        putchar((int)(0x80 | (p & 0x3F)));
    }
    return 1;
}

static const uint8_t *allowed(void) { return NULL; }
#endif

int main(int argc, char **argv) {
    const char *prompt = "", *weights = WEIGHTS_FILE, *rest;
    double temperature = DEFAULT_TEMPERATURE;
    uint64_t seed = (uint64_t)time(NULL);
    long length = DEFAULT_LENGTH, k = 0;
    int symbol, n;
    for (n = 1; n < argc; n += 2) {
        const char *value = n + 1 < argc ? argv[n + 1] : NULL;
        if (!strcmp(argv[n], "--prompt") && value) prompt = value;
        else if (!strcmp(argv[n], "--temp")) temperature = number(argv[n], value, 0);
        else if (!strcmp(argv[n], "--length")) length = (long)number(argv[n], value, 0);
        else if (!strcmp(argv[n], "--seed")) {
            number(argv[n], value, 0);
            seed = strtoull(value, NULL, 10);
        } else if (!strcmp(argv[n], "--weights") && value) weights = value;
        else fail("usage: [--prompt TEXT] [--temp T] [--seed N] [--length N]" WEIGHTS_USAGE "; not ", argv[n]);
    }
#ifdef WEIGHTS_BESIDE
    load(weights);
#else
    (void)weights;
#endif
    charrnn_seed(seed, 0);
    charrnn_reset();
    if (ITEM_END >= 0) charrnn_read(ITEM_END);
    else if (!*prompt && NEWLINE >= 0) charrnn_read(NEWLINE);
    for (rest = prompt; (symbol = next_symbol(&rest)) >= 0;) {
        charrnn_read(symbol);
        put(symbol);
    }
    while (k < length) {
        symbol = charrnn_draw(temperature, allowed());
        if (symbol == ITEM_END) break;
        k += put(symbol);
        charrnn_read(symbol);
    }
    if (ITEM_END >= 0) putchar('\n');
    return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
