/* h' = tanh(W x + U h + b) */
static void before_step(void) {}
static void step(int layer) {
    int k;
    product(RECURRENT(layer), h[layer], HIDDEN_BITS, a);
    for (k = 0; k < HIDDEN; k++) h[layer][k] = (int16_t)tanh_of((int64_t)x[k] + a[k], 16);
}
