/* i, f, o = sigma, g = tanh of W x + U h + b;  c' = f c + i g;  h' = o tanh(c') */
static void before_step(void) {}
static void step(int layer) {
    int k;
    product(RECURRENT(layer), h[layer], HIDDEN_BITS, a);
    for (k = 0; k < BLOCKS * HIDDEN; k++) a[k] += x[k];
    for (k = 0; k < HIDDEN; k++) {
        int64_t i = sigma_of(a[k], 16), f = sigma_of(a[HIDDEN + k], 16);
        int64_t g = tanh_of(a[2 * HIDDEN + k], 16), o = sigma_of(a[3 * HIDDEN + k], 16);
        c[layer][k] = (int32_t)within(shifted(f * c[layer][k] + i * g, 15), 1 << 29);
        h[layer][k] = (int16_t)shifted(o * tanh_of(c[layer][k], 14), 15);
    }
}
