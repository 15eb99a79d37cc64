# bash completion for silma(1). Its options are compared with the command's help by tests/cli/test_consistency.sh.

_silma_options() {
    local machine='--threads --backend --isa --no-winograd'
    local pictures='--size --resize --background --color --strict'
    case $1 in
    train)
        echo "--data --data-dir --out --resume --force --no-report --quiet --json --epochs --batch --optimizer --lr --schedule
            --loss --val-split --early-stop --patience --best --clip-norm --class-weights --augment --sampler --normalize --tta
            --seed $pictures $machine"
        ;;
    eval) echo "--data --data-dir --split --json $machine" ;;
    calibrate) echo "--data --data-dir --split --error-rate --out --force --json $machine" ;;
    predict) echo "--data --data-dir --split --index --top --json --csv $machine" ;;
    summary) echo "--data --data-dir --input --classes --batch --json $machine" ;;
    models) echo "--layers --json" ;;
    data) echo "--data-dir --base-url --quiet --model --out --force --json $pictures $machine" ;;
    report) echo "--out --figures --png --force --data-dir --quiet --json $machine" ;;
    thesis) echo "--quick --only --out --runs --data-dir --seed --force --quiet --json $machine" ;;
    bench) echo "--data --data-dir --input --classes --batch --steps --augment --repeats --filter --error --threads --isa --no-winograd --json" ;;
    compare) echo "--out --figures --png --force --data-dir --json $machine" ;;
    plot) echo "--out --png --force --json --input --filter --stride --pad --data --data-dir --split --count --seed $machine" ;;
    gradcheck) echo "--input --classes --seed --json $machine" ;;
    trace)
        echo "--data --data-dir --split --index --out --seed --optimizer --lr --loss --clip-norm --large --force --json
            $machine"
        ;;
    esac
}

# _silma_values OPTION COMMAND: the words that an option takes, besides files.
_silma_values() {
    local recorded='loss accuracy true_positives val_loss val_accuracy val_true_positives'
    case $1 in
    --data) echo "fashion-mnist mnist cifar-10 cifar-100" ;;
    --only) echo "cifar-ann cifar-cnn fashion-ann fashion-cnn" ;;
    --split)
        echo "train test"
        [[ $2 == eval || $2 == calibrate ]] && echo validation
        ;;
    --backend) echo "fast reference" ;;
    --isa) echo "avx512 avx2 neon scalar" ;;
    --optimizer) echo "sgd adagrad rmsprop adam adamw" ;;
    --schedule) echo "constant step cosine onecycle plateau" ;;
    --loss) echo "categorical_crossentropy binary_crossentropy mean_squared_error" ;;
    --early-stop) echo "off $recorded" ;;
    --best) echo "$recorded" ;;
    --class-weights) echo "none balanced" ;;
    --resize) echo "stretch fit crop" ;;
    --color) echo "grey rgb" ;;
    --augment) echo "none light standard strong" ;;
    --sampler) echo "shuffle balanced" ;;
    --normalize) echo "unit meanstd" ;;
    --tta) echo "none flip shift" ;;
    esac
}

# The positional words of a command, besides files.
_silma_words() {
    case $1 in
    train | summary | gradcheck | trace | models) "$2" models 2>/dev/null | cut -d' ' -f1 ;;
    bench)
        echo "kernels train infer"
        "$2" models 2>/dev/null | cut -d' ' -f1
        ;;
    data) echo "list info check get clean fashion-mnist mnist cifar-10 cifar-100" ;;
    plot) echo "activations connections samples" ;;
    help) echo "train eval predict calibrate summary models data report compare thesis gradcheck trace bench plot help" ;;
    esac
}

_silma() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]:-}
    COMPREPLY=()
    # bash splits --name=value into three words
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(_silma_words help) --help --version" -- "$current")
        return
    fi
    case $previous in
    --data | --only | --split | --backend | --isa | --optimizer | --schedule | --loss | --early-stop | --best | --class-weights | \
        --augment | --sampler | --normalize | --tta | --resize | --color)
        mapfile -t COMPREPLY < <(compgen -W "$(_silma_values "$previous" "$command")" -- "$current")
        [[ $previous == --data ]] && mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$current")
        return
        ;;
    --data-dir | --out | --runs | --resume | --figures)
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
        return
        ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_silma_options "$command") --help" -- "$current")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$(_silma_words "$command" "${COMP_WORDS[0]}")" -- "$current"; compgen -f -- "$current")
}

complete -o filenames -F _silma silma
