/* r, z = sigma, n = tanh(W x + r (U h + b));  h' = n + z (h - n) */
static void before_step(void) {}
static void step(int layer) {
    const int32_t *b = VECTORS + RECURRENT_BIAS[layer];
    int k;
    product(RECURRENT(layer), h[layer], HIDDEN_BITS, a);
    for (k = 0; k < BLOCKS * HIDDEN; k++) a[k] += b[k];
    for (k = 0; k < HIDDEN; k++) {
        int64_t r = sigma_of((int64_t)x[k] + a[k], 16), z = sigma_of((int64_t)x[HIDDEN + k] + a[HIDDEN + k], 16);
        int64_t n = tanh_of((int64_t)x[2 * HIDDEN + k] * 32768 + r * a[2 * HIDDEN + k], 31);
        h[layer][k] = (int16_t)within(shifted(n * 32768 + z * (h[layer][k] - n), 15), 32767);
    }
}
