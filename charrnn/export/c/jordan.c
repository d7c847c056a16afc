/* h' = tanh(W x + U y + b), y: the probabilities after the last symbol, in units of 2^-14 */
static int16_t y[SYMBOLS];
static uint64_t weigh(double temperature, const uint8_t *allowed, int banned);
static void before_step(void) {
    uint64_t total = weigh(1, NULL, -1);
    int k;
    for (k = 0; k < SYMBOLS; k++) y[k] = (int16_t)(((uint64_t)odds[k] << 14) / total);
}
static void step(int layer) {
    int k;
    product(RECURRENT(layer), y, 14, a);
    for (k = 0; k < HIDDEN; k++) h[layer][k] = (int16_t)tanh_of((int64_t)x[k] + a[k], 16);
}
