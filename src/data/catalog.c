// The catalogue. Sums of downloads are the publishers' md5 and the sha256 of the same files; contents are the files
// inside, which stay the same when somebody compresses them anew.
#include "data/catalog.h"

#include "core/error.h"

#include <assert.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define FASHION_URL "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
static const silma_catalog_file FASHION_FILES[] = {
    {"train-images-idx3-ubyte.gz", FASHION_URL "train-images-idx3-ubyte.gz",
     "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26421880},
    {"train-labels-idx1-ubyte.gz", FASHION_URL "train-labels-idx1-ubyte.gz",
     "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", "25c81989df183df01b3e8a0aad5dffbe", 29515},
    {"t10k-images-idx3-ubyte.gz", FASHION_URL "t10k-images-idx3-ubyte.gz",
     "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", "bef4ecab320f06d8554ea6380940ec79", 4422102},
    {"t10k-labels-idx1-ubyte.gz", FASHION_URL "t10k-labels-idx1-ubyte.gz",
     "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", "bb300cfdad3c16e7a12a480ee83cd310", 5148},
};
static const silma_catalog_content FASHION_CONTENTS[] = {
    {"train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
    {"train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
    {"t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
    {"t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"},
};
static const char *const FASHION_CLASSES[] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                              "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
static_assert(COUNT(FASHION_CLASSES) == 10, "Fashion-MNIST has ten classes");

#define MNIST_URL "https://ossci-datasets.s3.amazonaws.com/mnist/"
static const silma_catalog_file MNIST_FILES[] = {
    {"train-images-idx3-ubyte.gz", MNIST_URL "train-images-idx3-ubyte.gz",
     "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9912422},
    {"train-labels-idx1-ubyte.gz", MNIST_URL "train-labels-idx1-ubyte.gz",
     "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", "d53e105ee54ea40749a09fcbcd1e9432", 28881},
    {"t10k-images-idx3-ubyte.gz", MNIST_URL "t10k-images-idx3-ubyte.gz",
     "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", "9fb629c4189551a2d022fa330f9573f3", 1648877},
    {"t10k-labels-idx1-ubyte.gz", MNIST_URL "t10k-labels-idx1-ubyte.gz",
     "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", "ec29112dd5afa0611ce80d1b7f02629c", 4542},
};
static const silma_catalog_content MNIST_CONTENTS[] = {
    {"train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
    {"train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
    {"t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
    {"t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
};

static const silma_catalog_file CIFAR10_FILES[] = {
    {"cifar-10-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
     "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", "c32a1d4ab5d03f1284b67883e8d87530", 170052171},
};
static const silma_catalog_content CIFAR10_CONTENTS[] = {
    {"data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
    {"data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"},
    {"data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"},
    {"data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"},
    {"data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"},
    {"test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
};
static const char *const CIFAR10_CLASSES[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                              "dog",      "frog",       "horse", "ship", "truck"};
static_assert(COUNT(CIFAR10_CLASSES) == 10, "CIFAR-10 has ten classes");

static const silma_catalog_file CIFAR100_FILES[] = {
    {"cifar-100-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
     "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec", "03b5dce01913d631647c71ecec9e9cb8", 168513733},
};
static const char *const CIFAR100_CLASSES[] = {
    "apple",      "aquarium_fish", "baby",         "bear",       "beaver",      "bed",         "bee",
    "beetle",     "bicycle",       "bottle",       "bowl",       "boy",         "bridge",      "bus",
    "butterfly",  "camel",         "can",          "castle",     "caterpillar", "cattle",      "chair",
    "chimpanzee", "clock",         "cloud",        "cockroach",  "couch",       "crab",        "crocodile",
    "cup",        "dinosaur",      "dolphin",      "elephant",   "flatfish",    "forest",      "fox",
    "girl",       "hamster",       "house",        "kangaroo",   "keyboard",    "lamp",        "lawn_mower",
    "leopard",    "lion",          "lizard",       "lobster",    "man",         "maple_tree",  "motorcycle",
    "mountain",   "mouse",         "mushroom",     "oak_tree",   "orange",      "orchid",      "otter",
    "palm_tree",  "pear",          "pickup_truck", "pine_tree",  "plain",       "plate",       "poppy",
    "porcupine",  "possum",        "rabbit",       "raccoon",    "ray",         "road",        "rocket",
    "rose",       "sea",           "seal",         "shark",      "shrew",       "skunk",       "skyscraper",
    "snail",      "snake",         "spider",       "squirrel",   "streetcar",   "sunflower",   "sweet_pepper",
    "table",      "tank",          "telephone",    "television", "tiger",       "tractor",     "train",
    "trout",      "tulip",         "turtle",       "wardrobe",   "whale",       "willow_tree", "wolf",
    "woman",      "worm",
};
static_assert(COUNT(CIFAR100_CLASSES) == 100, "CIFAR-100 has a hundred classes");

static const silma_catalog_entry_type ENTRIES[] = {
    {
        .name = "fashion-mnist",
        .title = "Fashion-MNIST",
        .description = "Zalando's articles of clothing, 28x28 grey, 10 classes",
        .debian_package = "dataset-fashion-mnist",
        .files = FASHION_FILES,
        .file_count = COUNT(FASHION_FILES),
        .contents = FASHION_CONTENTS,
        .content_count = COUNT(FASHION_CONTENTS),
        .height = 28,
        .width = 28,
        .channels = 1,
        .class_count = COUNT(FASHION_CLASSES),
        .class_names = FASHION_CLASSES,
        .train_count = 60000,
        .test_count = 10000,
    },
    {
        .name = "mnist",
        .title = "MNIST",
        .description = "handwritten digits, 28x28 grey, 10 classes",
        .files = MNIST_FILES,
        .file_count = COUNT(MNIST_FILES),
        .contents = MNIST_CONTENTS,
        .content_count = COUNT(MNIST_CONTENTS),
        .height = 28,
        .width = 28,
        .channels = 1,
        .class_count = 10,
        .train_count = 60000,
        .test_count = 10000,
    },
    {
        .name = "cifar-10",
        .title = "CIFAR-10",
        .description = "animals and vehicles, 32x32 colour, 10 classes",
        .files = CIFAR10_FILES,
        .file_count = COUNT(CIFAR10_FILES),
        .contents = CIFAR10_CONTENTS,
        .content_count = COUNT(CIFAR10_CONTENTS),
        .height = 32,
        .width = 32,
        .channels = 3,
        .class_count = COUNT(CIFAR10_CLASSES),
        .class_names = CIFAR10_CLASSES,
        .train_count = 50000,
        .test_count = 10000,
    },
    {
        .name = "cifar-100",
        .title = "CIFAR-100",
        .description = "things, plants, animals and people, 32x32 colour, 100 classes",
        .files = CIFAR100_FILES,
        .file_count = COUNT(CIFAR100_FILES),
        .height = 32,
        .width = 32,
        .channels = 3,
        .class_count = COUNT(CIFAR100_CLASSES),
        .class_names = CIFAR100_CLASSES,
        .train_count = 50000,
        .test_count = 10000,
    },
};

static const catalog_place PLACES[] = {
    {&idx_source, "FashionMNIST/raw"}, // torchvision's folders
    {&idx_source, "MNIST/raw"},
    {&cifar10_source, "cifar-10-batches-bin"}, // as their archives name them
    {&cifar100_source, "cifar-100-binary"},
};
static_assert(COUNT(PLACES) == COUNT(ENTRIES), "a place for each entry");

const silma_catalog_entry_type *silma_catalog_entry(size_t index)
{
    return index < COUNT(ENTRIES) ? &ENTRIES[index] : NULL;
}

const silma_catalog_entry_type *silma_catalog_find(const char *name)
{
    for (size_t i = 0; i < COUNT(ENTRIES); i++)
        if (strcmp(ENTRIES[i].name, name) == 0) return &ENTRIES[i];
    return NULL;
}

const catalog_place *catalog_place_of(const silma_catalog_entry_type *entry)
{
    return &PLACES[entry - ENTRIES];
}

const char *catalog_closest(const char *name)
{
    const char *names[COUNT(ENTRIES)];
    for (size_t i = 0; i < COUNT(ENTRIES); i++)
        names[i] = ENTRIES[i].name;
    return silma_closest_word(name, names, COUNT(names));
}
