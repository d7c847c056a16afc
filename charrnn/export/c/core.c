#if FLT_EVAL_METHOD > 1
#error "this compiler rounds doubles otherwise than other machines do: take -msse2 -mfpmath=sse"
#endif
/* ---- the arithmetic: integers alone; charrnn/exact/arithmetic.py says what each number is ---- */

static int16_t h[LAYERS][HIDDEN];
static int32_t x[BLOCKS * HIDDEN], a[BLOCKS * HIDDEN], logits[SYMBOLS];
static uint32_t odds[SYMBOLS], random_state[4];
#ifdef HAS_MEMORY
static int32_t c[LAYERS][HIDDEN];
#endif

/* v / 2^n, rounded to the nearest integer, halves up */
static inline int64_t shifted(int64_t v, int n) {
    if (n <= 0) return v * ((int64_t)1 << -n);
    return (v + ((int64_t)1 << (n - 1))) >> n;
}

static inline int64_t within(int64_t v, int64_t most) { return v > most ? most : v < -most ? -most : v; }

/* tanh of k / 2^13, in units of 2^-14: straight lines between the knots of a table */
static int32_t tanh_at(int64_t k) {
    int32_t n = (int32_t)(k < 0 ? -k : k), j, value;
    if (k > 65535 || k < -65535) n = 65536;
    j = n >> 7;
    value = KNOTS[j] * 128;
    if (j < 512) value += (KNOTS[j + 1] - KNOTS[j]) * (n & 127);
    value = (value + (1 << 14)) >> 15;
    return k < 0 ? -value : value;
}

/* tanh, in units of 2^-14, and the logistic function, in units of 2^-15, of v / 2^bits */
static inline int32_t tanh_of(int64_t v, int bits) { return tanh_at(shifted(v, bits - 13)); }
static inline int32_t sigma_of(int64_t v, int bits) { return 16384 + tanh_at(shifted(v, bits - 12)); }

/* the product of matrix m with a vector in units of 2^-bits; the result is in units of 2^-16 */
static void product(int m, const int16_t *in, int bits, int32_t *out) {
    int rows = MATRICES[m].rows, columns = MATRICES[m].columns, row, begin, k;
    const int8_t *weight = WEIGHTS + MATRICES[m].first;
    for (row = 0; row < rows; row++, weight += columns) {
        int64_t sum = 0;
        for (begin = 0; begin < columns; begin += 256) { /* so many products fit in 32 bits */
            int end = begin + 256 < columns ? begin + 256 : columns;
            int32_t part = 0;
            for (k = begin; k < end; k++) part += weight[k] * in[k];
            sum += part;
        }
        sum *= SCALES[MATRICES[m].first_scale + row];
        out[row] = (int32_t)shifted(sum, MATRICES[m].bits + bits - 16);
    }
}

/* the input of layer 0 for a symbol: its row of the embedding, times the weights, plus the bias */
static void look_up(int symbol) {
    const int8_t *row = WEIGHTS + MATRICES[0].first + (int32_t)symbol * EMBEDDING, *weight;
    int64_t scale = SCALES[MATRICES[0].first_scale + symbol];
    int k, j;
    weight = WEIGHTS + MATRICES[INPUT(0)].first;
    for (k = 0; k < BLOCKS * HIDDEN; k++, weight += EMBEDDING) {
        int64_t sum = 0;
        for (j = 0; j < EMBEDDING; j++) sum += row[j] * weight[j];
        sum *= scale * SCALES[MATRICES[INPUT(0)].first_scale + k];
        x[k] = (int32_t)shifted(sum, MATRICES[0].bits + MATRICES[INPUT(0)].bits - 16) + VECTORS[BIAS[0] + k];
    }
}

#ifdef HAS_NORM
/* the integer whose square is the largest that is not above v */
static uint64_t root_of(uint64_t v) {
    uint64_t root = 0, bit = (uint64_t)1 << 31;
    for (; bit; bit >>= 1)
        if ((root + bit) * (root + bit) <= v) root += bit;
    return root;
}
#endif

/* what a layer hands on: its h, or layer normalization of it */
static const int16_t *passed(int layer) {
#ifdef HAS_NORM
    static int16_t up[HIDDEN];
    int64_t sum = 0, squares = 0, mean, inverse, n = HIDDEN, k;
    for (k = 0; k < n; k++) sum += h[layer][k];
    sum = 2 * sum + n;
    mean = sum / (2 * n) - (sum % (2 * n) < 0);
    for (k = 0; k < n; k++) squares += (h[layer][k] - mean) * (h[layer][k] - mean);
    inverse = (int64_t)(((uint64_t)1 << 46) / root_of((uint64_t)(squares / n + EPSILON) << 20));
    for (k = 0; k < n; k++) {
        int64_t normal = shifted((h[layer][k] - mean) * inverse, 24);
        int64_t gain = VECTORS[NORM[layer] + k], shift = VECTORS[NORM[layer] + n + k];
        up[k] = (int16_t)within(shifted(normal * gain + shift * 4096, 13), 32767);
    }
    return up;
#else
    return h[layer];
#endif
}

/* ---- the cell ---- */
//CELL//
/* ---- the model ---- */
static void predict(void) {
    int k;
    product(1, passed(LAYERS - 1), PASSED_BITS, logits);
    for (k = 0; k < SYMBOLS; k++) logits[k] = (int32_t)shifted(logits[k] + VECTORS[HEAD_BIAS + k], 4);
}

/* the odds of each symbol, from 0 to 2^26, by exp(logit / temperature - largest); 0 of what may not come */
static uint64_t weigh(double temperature, const uint8_t *allowed, int banned) {
    int k, best = -1, origin;
    uint64_t total = 0;
    for (k = 0; k < SYMBOLS; k++)
        if (k != banned && (!allowed || allowed[k]) && (best < 0 || logits[k] > logits[best])) best = k;
    origin = temperature < 1e-100 ? logits[best] : 0; /* so that no quotient overflows */
    for (k = 0; k < SYMBOLS; k++) {
        odds[k] = 0;
        if (k == banned || (allowed && !allowed[k])) continue;
        if (temperature > 0) {
            double below = (logits[best] - origin) / 4096.0 / temperature - (logits[k] - origin) / 4096.0 / temperature;
            if (below < 24) {
                int32_t steps = (int32_t)(below * 4096.0 + 0.5);
                if (steps < 24 * 4096)
                    odds[k] = (uint32_t)(((uint64_t)COARSE[steps >> 8] * FINE[steps & 255]) >> 26);
            }
        } else if (k == best) odds[k] = 1 << 26;
        total += odds[k];
    }
    return total;
}

static uint32_t mixed(uint32_t v) {
    v += 0x9E3779B9u;
    v = (v ^ (v >> 16)) * 0x21F0AAADu;
    v = (v ^ (v >> 15)) * 0x735A2D97u;
    return v ^ (v >> 15);
}

/* xoshiro128++ (Blackman and Vigna 2021) */
static uint32_t random_word(void) {
    uint32_t *s = random_state, total = s[0] + s[3], result = ((total << 7) | (total >> 25)) + s[0], t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >> 21);
    return result;
}

/* Choose the random numbers: those of a seed and the number of a sample. */
static void charrnn_seed(uint64_t seed, uint32_t sample) {
    uint32_t words[3] = {(uint32_t)seed, (uint32_t)(seed >> 32), sample}, j, k;
    for (j = 0; j < 4; j++) {
        random_state[j] = mixed(j + 1);
        for (k = 0; k < 3; k++) random_state[j] = mixed(random_state[j] ^ words[k]);
    }
}

/* Forget what was read. */
static void charrnn_reset(void) {
    int layer, k;
    for (layer = 0; layer < LAYERS; layer++)
        for (k = 0; k < HIDDEN; k++) {
            h[layer][k] = (int16_t)(START_H < 0 ? 0 : VECTORS[START_H + layer * HIDDEN + k]);
#ifdef HAS_MEMORY
            c[layer][k] = START_C < 0 ? 0 : VECTORS[START_C + layer * HIDDEN + k];
#endif
        }
    predict();
}

/* Read a symbol. */
static void charrnn_read(int symbol) {
    int layer, k;
    before_step();
    look_up(symbol);
    for (layer = 0; layer < LAYERS; layer++) {
        if (layer) {
            product(INPUT(layer), passed(layer - 1), PASSED_BITS, x);
            for (k = 0; k < BLOCKS * HIDDEN; k++) x[k] += VECTORS[BIAS[layer] + k];
        }
        step(layer);
    }
    predict();
}

/* Draw the next symbol, of those that are allowed: SYMBOLS bytes, or NULL for all. It is not read yet. */
static int charrnn_draw(double temperature, const uint8_t *allowed) {
    uint64_t total = weigh(temperature, allowed, UNKNOWN), word = random_word(), target, sum = 0;
    int k;
    target = ((word >> 16) * total + (((word & 65535) * total) >> 16)) >> 16;
    for (k = 0; k < SYMBOLS - 1; k++)
        if ((sum += odds[k]) > target) break;
    return k;
}
