"""PyTorch, fp32, channels_last, eager or compiled: one task, one JSON object."""
import time

import tasks

arguments = tasks.parse_arguments()

import torch  # noqa: E402 (after the variables that it reads)
from torch import nn  # noqa: E402

torch.set_num_threads(arguments.threads)
torch.manual_seed(0)


def cnn():
    def block(inputs, filters):
        first = [nn.Conv2d(inputs, filters, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(filters, 1e-3, 0.01)]
        second = [nn.Conv2d(filters, filters, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(filters, 1e-3, 0.01)]
        return first + second + [nn.MaxPool2d(2), nn.Dropout(0.25)]

    head = [nn.Flatten(), nn.Linear(8 * 8 * 64, 64), nn.ReLU(), nn.Dropout(0.25)]
    return block(3, 32) + block(32, 64) + head + [nn.Linear(64, tasks.CLASSES)]


def ann():
    stack, inputs = [nn.Flatten()], 28 * 28
    for units in (128, 64, 32):
        stack += [nn.Linear(inputs, units), nn.ReLU()]
        inputs = units
    return stack + [nn.Linear(inputs, tasks.CLASSES)]


def lenet5():
    return [nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
            nn.Linear(84, tasks.CLASSES)]


def build(name):
    model = nn.Sequential(*{"cnn": cnn, "ann": ann, "lenet5": lenet5}[name]())
    model = model.to(memory_format=torch.channels_last)
    return torch.compile(model) if arguments.compile else model


def noise(name, count):
    height, width, channels = tasks.INPUTS[name]
    images = torch.rand(count, channels, height, width).to(memory_format=torch.channels_last)
    return images, torch.randint(0, tasks.CLASSES, (count,))


def make_step(model):
    optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
    loss_function = nn.CrossEntropyLoss()

    def step(images, labels):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def time_epochs(model, name):
    """Batches are slices of shuffled tensors: a DataLoader would only be slower."""
    images, labels = noise(name, tasks.EPOCH_TRAIN)
    validation = noise(name, tasks.EPOCH_VALIDATION)[0].split(tasks.EPOCH_BATCH)
    step, durations = make_step(model), []
    for _ in range(arguments.epochs + 1):
        begin = time.perf_counter()
        model.train()
        for batch in torch.randperm(len(labels)).split(tasks.EPOCH_BATCH):
            step(images[batch], labels[batch])
        model.eval()
        with torch.inference_mode():
            for batch in validation:
                model(batch)
        durations.append(time.perf_counter() - begin)
    return durations[1:]


def time_training(model, name):
    images, labels = noise(name, tasks.TRAIN_BATCH[arguments.task])
    step = make_step(model.train())
    return tasks.time_calls(lambda: step(images, labels).item(), arguments.seconds)


def time_inference(model, name):
    images = noise(name, tasks.INFER_BATCH[arguments.task])[0]
    model.eval()
    with torch.inference_mode():
        return tasks.time_calls(lambda: torch.softmax(model(images), 1), arguments.seconds)


def main():
    name = tasks.network_of(arguments.task)
    model = build(name)
    if arguments.task == "ann-epoch":
        durations = time_epochs(model, name)
    elif arguments.task in tasks.TRAIN_BATCH:
        durations = time_training(model, name)
    else:
        durations = time_inference(model, name)
    tasks.print_result(f"PyTorch {torch.__version__}", durations)


main()
