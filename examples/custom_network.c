// Describes a network with a branch, and checks each of its gradients against a numerical derivative.
//
//   custom_network [NETWORK.silma]
#include <silma/silma.h>

#include <inttypes.h>
#include <stdio.h>

static const char residual_text[] = "# A residual block\n"
                                    "input 8x8x3\n"
                                    "conv 8 3x3 same relu name=stem\n"
                                    "conv 8 3x3 same relu\n"
                                    "conv 8 3x3 same\n"
                                    "add stem\n"
                                    "relu\n"
                                    "globalavgpool\n"
                                    "dense 4 softmax\n";

static void print_layers(const silma_network *network)
{
    for (size_t i = 0; i < silma_network_layer_count(network); i++) {
        silma_layer_info layer;
        silma_network_layer(network, i, &layer);
        size_t params = layer.trainable_params + layer.non_trainable_params;
        printf("%-16s %-12s %8zu parameters  %s\n", layer.name, layer.type, params, layer.description);
    }
}

static silma_status print_totals(const silma_network *network, const silma_context *context, silma_error *error)
{
    silma_network_totals totals;
    silma_status status = silma_network_measure(network, context, 32, &totals, error);
    if (status != SILMA_OK) return status;
    printf("%zu trainable parameters, %" PRIu64 " operations an image, %zu bytes to train 32 at a time\n",
           totals.trainable_params, totals.forward_flops, totals.train_peak_bytes);
    return SILMA_OK;
}

static silma_status check_gradients(const silma_network *network, silma_context *context, silma_error *error)
{
    enum { CAPACITY = 64 };
    silma_gradient_check checks[CAPACITY];
    size_t count = 0;
    silma_status status = silma_gradcheck(context, network, 1, checks, CAPACITY, &count, error);
    for (size_t i = 0; status == SILMA_OK && i < count && i < CAPACITY; i++) {
        printf("%-24s worst relative error %.1e %s\n", checks[i].name, checks[i].worst,
               checks[i].passed ? "passed" : "FAILED");
    }
    return status;
}

int main(int argc, char **argv)
{
    silma_error error = {0};
    silma_context *context = NULL;
    silma_network *network = NULL;
    silma_status status = silma_context_create(&context, NULL, &error);
    if (status == SILMA_OK) {
        status = argc > 1 ? silma_network_open(&network, argv[1], NULL, &error)
                          : silma_network_parse(&network, residual_text, "residual", NULL, &error);
    }
    if (status == SILMA_OK) {
        print_layers(network);
        status = print_totals(network, context, &error);
    }
    if (status == SILMA_OK) status = check_gradients(network, context, &error);
    if (status != SILMA_OK) fprintf(stderr, "%s\n", error.message);
    silma_network_free(network);
    silma_context_free(context);
    return (int)status;
}
