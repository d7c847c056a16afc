/* h' = max(0, W x + U h + b) */
static void before_step(void) {}
static void step(int layer) {
    int k;
    product(RECURRENT(layer), h[layer], HIDDEN_BITS, a);
    for (k = 0; k < HIDDEN; k++) {
        int64_t sum = (int64_t)x[k] + a[k];
        h[layer][k] = (int16_t)within(shifted(sum > 0 ? sum : 0, 16 - HIDDEN_BITS), 32767);
    }
}
