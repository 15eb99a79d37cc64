#include "report/thesis_values.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

// ---------------------------------------------------------------------------------------------------------------------
// Captions

static const thesis_caption CAPTIONS[] = {
    {3, "2.2.1", "Sigmoid-function and its derivative function. (Based on Figure 2.39 of [7])"},
    {4, "2.2.2", "ReLU-function and its derivative function. (Based on Figure 2.42 of [7])"},
    {5, "2.2.4",
     "LReLU / PReLU-function and its derivative function. For clarity of the graph, b = 0.1 instead of 0.01. (Based on "
     "Figure 2.43 of [7])"},
    {6, "2.2.5", "ELU-function and its derivative function (α = 1). (Based on Figure 2.45 of [7])"},
    {7, "2.3.2", "Negative log function. Returns zero when x = 1, and increases as x approaches zero."},
    {11, "3.5.1", "Number of outgoing connections of the input matrix."},
    {13, "3.6.1",
     "The layers of LeNet-5 and the input and output size of the layers and the number of trainable parameters on that "
     "layer."},
    {14, "3.6.2",
     "The structure of AlexNet. The asterisk denotes the operations applied to the matrix along the path of the "
     "network "
     "structure. The upper boxes, connected to the asterisks, contain the necessary information about the operation "
     "applied to the matrix. For example, the first box tells the convolution operation and the filter size, number of "
     "filters, stride and padding. The matrix inside the network path is also split and merged twice. After the first "
     "two fully connected layers there are also dropouts in use."},
    {15, "3.6.2",
     "The layers of AlexNet and the input and output size of the layers and the number of trainable parameters on that "
     "layer."},
    {16, "3.6.2", "A small comparison of LeNet-5 and AlexNet."},
    {17, "5.1", "Random images from the CIFAR-10 training dataset."},
    {18, "5.1.1", "Parameters of the model for the CIFAR-10 dataset (ANN)."},
    {19, "5.1.1", "Metrics of the model."},
    {20, "5.1.1", "A confusion matrix of validation data, results are in percentages."},
    {21, "5.1.1",
     "Random validation images and their predictions. Correct prediction in blue and incorrect prediction in red."},
    {22, "5.1.2", "Ion Petre’s CNN model and its parameters."},
    {23, "5.1.2", "Metrics of the model."},
    {24, "5.1.2", "A confusion matrix of validation data from the Ion Petre’s model, results are in percentages."},
    {25, "5.1.2",
     "Random validation images and their predictions. Correct prediction in blue and incorrect prediction in red."},
    {26, "5.2", "Random images from the Fashion-MNIST training dataset."},
    {27, "5.2.1", "Parameters of the model for the Fashion-MNIST dataset (ANN)."},
    {28, "5.2.1", "Metrics of the model for the Fashion-MNIST dataset (ANN)."},
    {29, "5.2.1", "A confusion matrix of validation data, results are in percentages."},
    {30, "5.2.1",
     "Random validation images and their predictions. Correct prediction in blue and incorrect prediction in red."},
    {31, "5.2.2", "Ion Petre’s CNN model for the Fashion-MNIST dataset and its parameters."},
    {32, "5.2.2", "Metrics of the model for the Fashion-MNIST dataset (CNN)."},
    {33, "5.2.2", "A confusion matrix of validation data from the Ion Petre’s model, results are in percentages."},
    {34, "5.2.2",
     "Random validation images and their predictions. Correct prediction in blue and incorrect prediction in red."},
    {35, "5.3", "Confusion matrices and trainable parameters for each of the four cases."},
};

const thesis_caption *thesis_caption_of(int figure)
{
    for (size_t i = 0; i < sizeof CAPTIONS / sizeof *CAPTIONS; i++)
        if (CAPTIONS[i].figure == figure) return &CAPTIONS[i];
    return NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// Tables of layers

static const thesis_row LENET[] = {
    {"Input", 32, 32, 1, 0, 0, false},           {"Conv. 1", 28, 28, 6, 156, 1, false},
    {"Pool 1", 14, 14, 6, 0, 2, false},          {"Conv. 2", 10, 10, 16, 2416, 3, false},
    {"Pool 2", 5, 5, 16, 0, 4, false},           {"FC 1", 0, 0, 120, 48120, 6, false},
    {"FC 2", 0, 0, 84, 10164, 7, false},         {"FC 3", 0, 0, 10, 850, 8, false},
    {"Output (softmax)", 0, 0, 1, 0, -1, false},
};

static const thesis_row ALEXNET[] = {
    {"Input", 224, 224, 3, 0, 0, false},         {"Conv. 1", 55, 55, 96, 34944, 1, false},
    {"Pool 1", 27, 27, 48, 0, 2, true},          {"Conv. 2", 27, 27, 128, 307456, 3, true},
    {"Pool 2", 13, 13, 256, 0, 4, false},        {"Conv. 3", 13, 13, 192, 885120, 5, true},
    {"Conv. 4", 13, 13, 192, 663936, 6, true},   {"Conv. 5", 13, 13, 128, 442624, 7, true},
    {"Pool 3", 6, 6, 256, 0, 8, false},          {"FC 1", 0, 0, 4096, 37752832, 10, false},
    {"FC 2", 0, 0, 4096, 16781312, 12, false},   {"FC 3", 0, 0, 1000, 4097000, 14, false},
    {"Output (softmax)", 0, 0, 1, 0, -1, false},
};

static const thesis_row CIFAR_ANN[] = {
    {"flatten (Flatten)", 0, 0, 3072, 0, 1, false}, {"dense (Dense)", 0, 0, 128, 393344, 2, false},
    {"dense_1 (Dense)", 0, 0, 64, 8256, 3, false},  {"dense_2 (Dense)", 0, 0, 32, 2080, 4, false},
    {"dense_3 (Dense)", 0, 0, 10, 330, 5, false},
};

static const thesis_row FASHION_ANN[] = {
    {"flatten (Flatten)", 0, 0, 784, 0, 1, false}, {"dense (Dense)", 0, 0, 128, 100480, 2, false},
    {"dense_1 (Dense)", 0, 0, 64, 8256, 3, false}, {"dense_2 (Dense)", 0, 0, 32, 2080, 4, false},
    {"dense_3 (Dense)", 0, 0, 10, 330, 5, false},
};

static const thesis_row CIFAR_CNN[] = {
    {"conv2d (Conv2D)", 32, 32, 32, 896, 1, false},
    {"batch_normalization (BatchNormalization)", 32, 32, 32, 128, 2, false},
    {"conv2d_1 (Conv2D)", 32, 32, 32, 9248, 3, false},
    {"batch_normalization_1 (BatchNormalization)", 32, 32, 32, 128, 4, false},
    {"max_pooling2d (MaxPooling2D)", 16, 16, 32, 0, 5, false},
    {"dropout (Dropout)", 16, 16, 32, 0, 6, false},
    {"conv2d_2 (Conv2D)", 16, 16, 64, 18496, 7, false},
    {"batch_normalization_2 (BatchNormalization)", 16, 16, 64, 256, 8, false},
    {"conv2d_3 (Conv2D)", 16, 16, 64, 36928, 9, false},
    {"batch_normalization_3 (BatchNormalization)", 16, 16, 64, 256, 10, false},
    {"max_pooling2d_1 (MaxPooling2D)", 8, 8, 64, 0, 11, false},
    {"dropout_1 (Dropout)", 8, 8, 64, 0, 12, false},
    {"flatten (Flatten)", 0, 0, 4096, 0, 13, false},
    {"dense (Dense)", 0, 0, 64, 262208, 14, false},
    {"dropout_2 (Dropout)", 0, 0, 64, 0, 15, false},
    {"dense_1 (Dense)", 0, 0, 10, 650, 16, false},
};

static const thesis_row FASHION_CNN[] = {
    {"conv2d_4 (Conv2D)", 28, 28, 32, 320, 1, false},
    {"batch_normalization_4 (BatchNormalization)", 28, 28, 32, 128, 2, false},
    {"conv2d_5 (Conv2D)", 28, 28, 32, 9248, 3, false},
    {"batch_normalization_5 (BatchNormalization)", 28, 28, 32, 128, 4, false},
    {"max_pooling2d_2 (MaxPooling2D)", 14, 14, 32, 0, 5, false},
    {"dropout_3 (Dropout)", 14, 14, 32, 0, 6, false},
    {"conv2d_6 (Conv2D)", 14, 14, 64, 18496, 7, false},
    {"batch_normalization_6 (BatchNormalization)", 14, 14, 64, 256, 8, false},
    {"conv2d_7 (Conv2D)", 14, 14, 64, 36928, 9, false},
    {"batch_normalization_7 (BatchNormalization)", 14, 14, 64, 256, 10, false},
    {"max_pooling2d_3 (MaxPooling2D)", 7, 7, 64, 0, 11, false},
    {"dropout_4 (Dropout)", 7, 7, 64, 0, 12, false},
    {"flatten_1 (Flatten)", 0, 0, 3136, 0, 13, false},
    {"dense_2 (Dense)", 0, 0, 64, 200768, 14, false},
    {"dropout_5 (Dropout)", 0, 0, 64, 0, 15, false},
    {"dense_3 (Dense)", 0, 0, 10, 650, 16, false},
};

static const thesis_table TABLES[] = {
    {13, "lenet5", {32, 32, 1, 10}, LENET, sizeof LENET / sizeof *LENET, 61706, 0, false},
    {15, "alexnet", {224, 224, 3, 1000}, ALEXNET, sizeof ALEXNET / sizeof *ALEXNET, 60965224, 0, false},
    {18, "ann", {32, 32, 3, 10}, CIFAR_ANN, sizeof CIFAR_ANN / sizeof *CIFAR_ANN, 404010, 0, true},
    {22, "cnn", {32, 32, 3, 10}, CIFAR_CNN, sizeof CIFAR_CNN / sizeof *CIFAR_CNN, 329194, 384, true},
    {27, "ann", {28, 28, 1, 10}, FASHION_ANN, sizeof FASHION_ANN / sizeof *FASHION_ANN, 111146, 0, true},
    {31, "cnn", {28, 28, 1, 10}, FASHION_CNN, sizeof FASHION_CNN / sizeof *FASHION_CNN, 267178, 384, true},
};

const thesis_table *thesis_table_of(int figure)
{
    for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES; i++)
        if (TABLES[i].figure == figure) return &TABLES[i];
    return NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// The experiments

enum { SHIRT = 6 };

static const thesis_claim CIFAR_ANN_CLAIMS[] = {
    {19, "Already at around ten epochs the validation loss stops decreasing.", MEASURE_LOSS_FLAT_AT, 10, 0},
    {19, "After fifty epochs it even starts to increase.", MEASURE_LOSS_RISES_AFTER, 50, 0},
    {19, "The validation accuracy does not exceed 0.5.", MEASURE_ACCURACY_BELOW, 0.5, 0},
    {19, "The validation true positives remain below 0.4.", MEASURE_POSITIVES_BELOW, 0.4, 0},
    {20, "Five out of ten numbers on the diagonal are above 50\u00a0%.", MEASURE_CLASSES_ABOVE, 50, 5},
};

static const thesis_claim CIFAR_CNN_CLAIMS[] = {
    {23, "The validation loss drops below 1.0 at around 10 epochs and then remains below 1.0.", MEASURE_LOSS_BELOW_AT,
     10, 0},
    {23, "The validation accuracy rises above 0.7 at 10 epochs.", MEASURE_ACCURACY_ABOVE_AT, 10, 0},
    {23, "The true positives in the validation dataset rise above 0.7.", MEASURE_POSITIVES_ABOVE, 0.7, 0},
    {24, "The diagonal is all above 50\u00a0%.", MEASURE_CLASSES_ABOVE, 50, 10},
    {24, "Six out of ten are above 80\u00a0%.", MEASURE_CLASSES_ABOVE, 80, 6},
};

static const thesis_claim FASHION_ANN_CLAIMS[] = {
    {28, "The validation accuracy rises above 0.875.", MEASURE_ACCURACY_ABOVE, 0.875, 0},
    {28, "The validation true positives also rise above 0.85.", MEASURE_POSITIVES_ABOVE, 0.85, 0},
    {29, "The shirt has the biggest problem getting correct predictions, and also that is more than 70\u00a0%.",
     MEASURE_WORST_CLASS, 70, SHIRT},
    {29, "11\u00a0% of the shirts have gone wrongly to T-shirt/top.", MEASURE_CONFUSED, 11, SHIRT},
    {29, "Three categories get more than 80\u00a0% and even six more than 90\u00a0%.", MEASURE_CLASSES_ABOVE, 90, 6},
};

static const thesis_claim FASHION_CNN_CLAIMS[] = {
    {32, "The validation accuracy is around 0.9.", MEASURE_ACCURACY_ABOVE, 0.9, 0},
    {32, "… as are the true positives.", MEASURE_POSITIVES_ABOVE, 0.9, 0},
    {33, "Eight out of ten are in the ninety per cent and above range.", MEASURE_CLASSES_ABOVE, 89.5, 8},
    {33, "Even in the two worse ones, eighty-six per cent of the predictions have gone right.", MEASURE_WORST_ARE_ABOVE,
     85.5, 0},
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

const silma_thesis_experiment_type *silma_thesis_experiment(size_t index)
{
    return index < THESIS_EXPERIMENTS ? &THESIS_CASES[index].base : NULL;
}

const thesis_case THESIS_CASES[THESIS_EXPERIMENTS] =
    {
        [THESIS_CIFAR_ANN] =
            {
                .base = {"cifar-ann", "ann", "cifar-10", 300, 128, 20, 128, 0},
                .title = "CIFAR-10 with the fully connected network",
                .short_title = "CIFAR-10, ANN",
                .patience = 10,
                .table = 18,
                .curves = 19,
                .confusion = 20,
                .pictures = 21,
                .diagonal = {52, 53, 35, 30, 35, 39, 47, 58, 58, 51},
                .diagonal_text = {[3] = "30 (?)"},
                .right_pictures = 3,
                .epochs_drawn = 300,
                .claims = CIFAR_ANN_CLAIMS,
                .claim_count = COUNT(CIFAR_ANN_CLAIMS),
            },
        [THESIS_CIFAR_CNN] =
            {
                .base = {"cifar-cnn", "cnn", "cifar-10", 100, 500, 10, 100, 10000},
                .title = "CIFAR-10 with the convolutional network",
                .short_title = "CIFAR-10, CNN",
                .patience = 3,
                .table = 22,
                .curves = 23,
                .confusion = 24,
                .pictures = 25,
                .diagonal = {82, 89, 68, 66, 71, 70, 86, 84, 92, 91},
                .diagonal_text = {[1] = "89 or 80", [3] = "66 or 56", [6] = "86 or 82"},
                .right_pictures = 7,
                .claims = CIFAR_CNN_CLAIMS,
                .claim_count = COUNT(CIFAR_CNN_CLAIMS),
            },
        [THESIS_FASHION_ANN] =
            {
                .base = {"fashion-ann", "ann", "fashion-mnist", 300, 128, 20, 128, 0},
                .title = "Fashion-MNIST with the fully connected network",
                .short_title = "Fashion-MNIST, ANN",
                .patience = 10,
                .table = 27,
                .curves = 28,
                .confusion = 29,
                .pictures = 30,
                .diagonal = {84, 97, 82, 91, 80, NAN, NAN, NAN, 96, 96},
                .diagonal_text = {[5] = "above 90", [SHIRT] = "above 70", [7] = "above 90"},
                .accuracy = "above 87.5 %",
                .right_pictures = 7,
                .epochs_drawn = 165,
                .claims = FASHION_ANN_CLAIMS,
                .claim_count = COUNT(FASHION_ANN_CLAIMS),
            },
        [THESIS_FASHION_CNN] =
            {
                .base = {"fashion-cnn", "cnn", "fashion-mnist", 100, 500, 10, 100, 10000},
                .title = "Fashion-MNIST with the convolutional network",
                .short_title = "Fashion-MNIST, CNN",
                .patience = 3,
                .table = 31,
                .curves = 32,
                .confusion = 33,
                .pictures = 34,
                .diagonal = {86, 98, 90, 92, 93, 99, 86, 98, 98, 97},
                .right_pictures = 8,
                .claims = FASHION_CNN_CLAIMS,
                .claim_count = COUNT(FASHION_CNN_CLAIMS),
            },
};

// The scan that the values were read from confuses 0, 6 and 8; each row of a matrix must add up to about 100.
const char *thesis_note_of(int figure)
{
    switch (figure) {
    case 20:
        return "The copy of the thesis at hand does not show the cat’s value clearly: 38 or 30. With 30 its row adds "
               "up "
               "to 100.";
    case 24:
        return "The copy of the thesis at hand does not show three values clearly: both readings stand there, and the "
               "first is compared. Automobile and frog begin with 8, and 89 and 86 are what their rows leave to 100, "
               "within rounding; so there are six "
               "values above 80\u00a0%, as the text says. The cat’s row adds up to 101 with 66 and to 91 with 56.";
    case 29:
        return "The copy of the thesis at hand lacks the rows of sandal, shirt and sneaker. The text says that the "
               "shirt "
               "has more than 70\u00a0%, three classes more than 80\u00a0% and six more than 90\u00a0%, which leaves "
               "sandal and sneaker above 90\u00a0%.";
    default:
        return NULL;
    }
}

double thesis_accuracy(const thesis_case *c)
{
    double sum = 0;
    for (int i = 0; i < THESIS_CLASSES; i++)
        sum += c->diagonal[i];
    return sum / (100.0 * THESIS_CLASSES);
}

accuracy_text thesis_accuracy_text(const thesis_case *c)
{
    accuracy_text result;
    double accuracy = 100 * thesis_accuracy(c);
    bool open = false;
    for (int i = 0; i < THESIS_CLASSES; i++)
        open = open || c->diagonal_text[i];
    long tenths = isnan(accuracy) ? 0 : lround(10 * accuracy);
    if (isnan(accuracy))
        snprintf(result.text, sizeof result.text, "%s", c->accuracy);
    else
        snprintf(result.text, sizeof result.text, "%s%ld.%ld %%", open ? "about " : "", tenths / 10, tenths % 10);
    return result;
}
