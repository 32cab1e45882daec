"""The flags of an experiment, and their record beside what was trained."""

from maml_tf import algorithms, datasets, networks
from maml_tf.commands import flag_help
from maml_tf.commands.experiments import recorded_flags
from maml_tf.episodes import augmentation

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")

# Flags that say where the data are.
PLACES = ("data_dir", "cache_dir", "download", "in_memory", "manual_dir")
# Flags that say where and how a training runs, not what it computes: they may
# differ when it is resumed.
_FREE_ON_RESUME = (
    *PLACES,
    *recorded_flags.COURSE,
)


def define(flag_values):
    """Defines the flags of an experiment on `flag_values`."""
    where = recorded_flags.adder(flag_values, flag_help.WHERE)
    add = recorded_flags.adder(flag_values, flag_help.TASK)
    add(
        "string",
        "dataset",
        "sinusoid",
        "Data set: " + ", ".join(datasets.names()) + ". In capitals is what you"
        " put in its place, as in --dataset=folder:pictures.",
    )
    where(
        "string",
        "data_dir",
        None,
        "Folder of data sets prepared by TensorFlow Datasets; by default"
        " ~/tensorflow_datasets.",
    )
    where(
        "string",
        "cache_dir",
        None,
        "Folder for decoded images; by default ~/.cache/maml_tf.",
    )
    where(
        "bool",
        "download",
        False,
        "Let TensorFlow Datasets download a data set that is missing.",
    )
    where(
        "string",
        "manual_dir",
        None,
        "mini_imagenet: the folder of images to prepare it from.",
    )
    where(
        "enum",
        "in_memory",
        "auto",
        ["auto", "true", "false"],
        "Read all images into memory, or let each episode read its own from"
        " TFRecord files; auto: into memory where a third of what is free will"
        " do. Episodes are the same.",
    )
    add(
        "string",
        "class_split",
        None,
        "Classes for train / valid / test. random: by --split_seed, 64 / 16 /"
        " 20 %; a FILE.json: {'train': [names], 'valid': [...], 'test': [...]}."
        " Omniglot: random, 1100 / 100 / 423 (60 / 20 / 20 % with --alphabets);"
        " lake, 864 / 100 / 659; vinyals, 1028 / 172 / 423. Default: random.",
    )
    add("integer", "split_seed", None, "Seed of the class split. Default: 0.")
    add(
        "integer",
        "image_size",
        None,
        "Height and width, in pixels, that images of folder: and tfds: are"
        " resized to. Default: their own if they all have it, else 84.",
        lower_bound=1,
    )
    add(
        "integer",
        "rotations",
        None,
        "4: every 90-degree rotation of an image class is a class of its own;"
        " 1: no rotations. Default: 4 for Omniglot, else 1.",
    )
    add(
        "list",
        "augment",
        None,
        "Random changes of training images, in this order, of "
        + ", ".join(augmentation.AUGMENTATIONS)
        + ". Default: none.",
    )
    add(
        "enum",
        "augmented",
        None,
        list(augmentation.AUGMENTED),
        "Which sets of a training episode are augmented. Default: both.",
    )
    add(
        "integer",
        "vocabulary_size",
        None,
        "Texts: most token ids, two of them for padding and unknown words."
        " Default: 10000.",
    )
    add(
        "integer",
        "text_length",
        None,
        "Texts: words kept of each. Default: 32.",
    )
    add(
        "integer",
        "window",
        None,
        "Time series: values that are known, the input. Default: 24.",
        lower_bound=1,
    )
    add(
        "integer",
        "horizon",
        None,
        "Time series: values after them to predict. Default: 1.",
        lower_bound=1,
    )
    add(
        "list",
        "alphabets",
        None,
        "Restricts Omniglot to these alphabets, such as Futurama.",
    )
    add("integer", "way", 5, "Classes in a task; regression ignores it.")
    add(
        "integer", "shot", 1, "Support examples per class (regression: in all)."
    )
    add("integer", "query", 1, "Query examples per class (regression: in all).")
    add(
        "integer",
        "train_shot",
        None,
        "Support examples per class in meta-training, where they differ from"
        " --shot (Reptile).",
    )

    add = recorded_flags.adder(flag_values, flag_help.NETWORK)
    add("enum", "network", "mlp", networks.names(), "Network.")
    add(
        "list",
        "widths",
        None,
        "mlp: units of each hidden layer. Default 40,40.",
    )
    add(
        "list",
        "filters",
        None,
        "conv4: filters of every layer, default 64; resnet: of each block;"
        " text_cnn: of each convolution, default 64.",
    )
    add(
        "list",
        "kernel_sizes",
        None,
        "text_cnn: words that each convolution sees. Default: 2,3,4.",
    )
    add(
        "integer",
        "embedding_width",
        None,
        "text_cnn, text_transformer: width of a word's vector. Default: 64.",
    )
    add(
        "integer",
        "heads",
        None,
        "text_transformer: attention heads. Default: 4.",
    )
    add(
        "float",
        "dropout",
        None,
        "text_cnn, text_transformer: share of features dropped before the head."
        " Default: 0.",
    )
    add(
        "enum",
        "downsampling",
        None,
        ["stride", "max_pool"],
        "conv4: how a layer halves its input. Default: stride.",
    )
    add(
        "enum",
        "readout",
        None,
        ["mean", "flatten"],
        "conv4: how features reach the head. Default: mean.",
    )

    add(
        "bool",
        "last_skip",
        None,
        "resnet: whether the last block has its skip connection. Default: yes.",
    )

    add = recorded_flags.adder(flag_values, flag_help.ALGORITHM)
    add("enum", "algorithm", "maml", algorithms.names(), "Algorithm.")
    add("integer", "inner_steps", 1, "Gradient steps in meta-training.")
    add(
        "integer",
        "test_inner_steps",
        None,
        "Gradient steps in validation and, by default, in evaluation. Default:"
        " --inner_steps.",
    )
    add("float", "inner_learning_rate", 0.01, "Inner learning rate.")
    recorded_flags.define_inner_loop(flag_values)
    add(
        "bool",
        "rematerialize",
        None,
        "Keep the weights of inner steps alone and compute each step again for"
        " its Hessian-vector product: memory that hardly grows with"
        " --inner_steps, for up to a third more time; the same gradient (maml,"
        " fomaml, anil, boil). Default: false.",
    )
    add(
        "integer",
        "inner_batch_size",
        None,
        "Support examples in an inner step of meta-training (reptile). Default:"
        " all.",
    )
    add(
        "enum",
        "batch_norm",
        "transductive",
        ["transductive", "inductive", "moving"],
        "Whose statistics batch normalisation uses: the batch's own (also the"
        " query set's, as in the MAML paper), the support set's, or the model's"
        " moving averages.",
    )

    add = recorded_flags.adder(flag_values, flag_help.TRAINING)
    add("integer", "tasks", 32, "Tasks in a meta-batch.")
    add("enum", "optimizer", "adam", list(OPTIMIZERS), "Outer optimizer.")
    add("float", "learning_rate", 1e-3, "Outer learning rate.")
    add(
        "enum",
        "learning_rate_schedule",
        "constant",
        ["constant", "linear"],
        "linear: from --learning_rate to 0 at --iterations.",
    )
    add("float", "clip_norm", None, "Largest global norm of a meta-gradient.")
    add(
        "float",
        "clip_value",
        None,
        "Largest magnitude of a meta-gradient's elements.",
    )
    add(
        "integer",
        "gradient_accumulation_steps",
        None,
        "Meta-batches whose gradients are averaged into one update.",
    )
    where(
        "enum",
        "vectorize",
        "auto",
        ["auto", "true", "false"],
        "Run all tasks as one batched computation rather than in a loop; auto:"
        " for small dense networks, and on a GPU.",
    )
    where(
        "integer",
        "iterations_per_call",
        1,
        "Meta-updates in one compiled call; more pay for small networks.",
    )
    where(
        "enum",
        "jit_compile",
        "auto",
        ["auto", "true", "false"],
        "Compile with XLA; auto: where the tasks are one batched computation.",
    )
    add(
        "bool",
        "mixed_bfloat16",
        False,
        "Let the network's layers compute in bfloat16; weights, inner updates"
        " and losses stay float32. For GPUs that have it; slow on CPU.",
    )
    add("integer", "seed", 0, "Of weights, episodes and dropout.")
    recorded_flags.define_course(flag_values, 60000, 100, 500, 300, 500)


def _free_on_resume(flag_values):
    if flag_values.learning_rate_schedule == "constant":
        return _FREE_ON_RESUME
    # The schedule's end is part of what is computed.
    return [name for name in _FREE_ON_RESUME if name != "iterations"]


_recorded_flags = recorded_flags.RecordedFlags(define, _free_on_resume, "train")
record = _recorded_flags.record
recorded = _recorded_flags.recorded
check_unchanged = _recorded_flags.check_unchanged
