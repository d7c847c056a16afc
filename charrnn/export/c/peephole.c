/* as in an LSTM, but i and f see p c, and o sees p c' */
static void before_step(void) {}
static void step(int layer) {
    const int32_t *p = VECTORS + PEEPHOLES[layer];
    int k;
    product(RECURRENT(layer), h[layer], HIDDEN_BITS, a);
    for (k = 0; k < BLOCKS * HIDDEN; k++) a[k] += x[k];
    for (k = 0; k < HIDDEN; k++) {
        int64_t old = c[layer][k], new;
        int64_t i = sigma_of((int64_t)a[k] * 1024 + p[k] * old, 26);
        int64_t f = sigma_of((int64_t)a[HIDDEN + k] * 1024 + p[HIDDEN + k] * old, 26);
        int64_t g = tanh_of(a[2 * HIDDEN + k], 16);
        new = within(shifted(f * old + i * g, 15), 1 << 29);
        int64_t o = sigma_of((int64_t)a[3 * HIDDEN + k] * 1024 + p[2 * HIDDEN + k] * new, 26);
        c[layer][k] = (int32_t)new;
        h[layer][k] = (int16_t)shifted(o * tanh_of(new, 14), 15);
    }
}
