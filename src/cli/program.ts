import { Command, Option } from 'commander'
import { backend } from '../engine.js'
import { nonNegative, port } from './arguments.js'
import { completion, shellArgument } from './completion.js'
import { modelFormats } from './convert/formats.js'
import { type ConvertFlags, convert } from './convert/index.js'
import { type DashboardFlags, dashboard } from './dashboard.js'
import { doctor } from './doctor.js'
import { type EvaluateFlags, evaluate } from './evaluate.js'
import { noteFlags } from './flagNames.js'
import * as flags from './flags.js'
import { info } from './info.js'
import { shown } from './output.js'
import { type QuantizeFlags, quantize } from './quantize.js'
import { type SearchFlags, search, searchFlags } from './search.js'
import { summary } from './summary.js'
import type { AnyTaskCommand, Flags } from './taskCommand.js'
import { taskCommands, usedBy } from './tasks.js'
import { type TrainFlags, train } from './train.js'
import { use } from './use.js'

/** The `seqloom` command with all its subcommands. */
export function program(): Command {
  return commandTree().version(backend().version)
}

/** The same without a version, which the engine knows. */
export function commandTree(): Command {
  const seqloom = command('seqloom').description('Trains and runs recurrent networks.')
  seqloom.hook('preAction', (_, action) => {
    flags.checkNeeded(action)
    flags.readPaths(action)
    noteFlags(action)
  })
  const { together, alone } = trainings()
  seqloom.addCommand(together)
  for (const each of alone) seqloom.addCommand(each)
  seqloom.addCommand(searches())
  for (const name of new Set(taskCommands.flatMap(({ use }) => use?.name ?? []))) seqloom.addCommand(using(name))
  seqloom.addCommand(
    withOptions(
      command('evaluate').description(
        'Measures a saved model of any task on rows like those it was trained on; a text generator on a text.',
      ),
      flags.model(),
      flags.needed(
        '--data <file>',
        'a file like the one for training; for a forecaster, what follows the series that it has read',
      ),
      ...taskCommands.flatMap(({ columns }) => flags.columns(columns)),
      ...flags.table(),
      flags.dropMissing(),
      flags.json('JSON objects'),
      flags.threads(),
    ).action((given: EvaluateFlags) => evaluate(given)),
  )
  seqloom.addCommand(
    withOptions(command('summary').description('Prints the layers of a saved model.'), flags.model()).action(summary),
  )
  seqloom.addCommand(
    withOptions(
      command('convert')
        .description('Reads a model of another program, or of Seqloom, and writes it for another one.')
        .argument('<from>', 'a file of Keras, PyTorch, tfjs or ONNX, or the folder of a saved model')
        .argument(
          '<to>',
          'where to write; the ending says for whom: .pt, .safetensors, .keras, .h5, .onnx, model.json (tfjs); none is a folder of Seqloom',
        ),
      new Option(
        '--format <name>',
        'the format of what is written, where its name does not say it, such as tfjs for a folder',
      ),
      new Option('--check <file>', 'inputs and outputs to compare with first, x and y: .json or .safetensors'),
      new Option('--tolerance <n>', 'the largest difference that --check accepts').default(1e-4).argParser(nonNegative),
      ...modelFormats.flatMap(({ flags }) => flags?.() ?? []),
      new Option('--force', 'replace what is there').default(false),
      flags.json('one JSON object'),
      flags.threads(),
    ).action((from: string, to: string, given: ConvertFlags) => convert(from, to, given)),
  )
  seqloom.addCommand(
    withOptions(
      command('quantize')
        .description(
          'Writes a saved model of any kind with int8 weights: a quarter of the size, and faster, for predictions alone.',
        )
        .argument('<from>', 'the folder of a saved model')
        .argument('<to>', 'the folder to write'),
      new Option('--force', 'replace the model that is there').default(false),
      flags.json('one JSON object'),
      flags.threads(),
    ).action((from: string, to: string, given: QuantizeFlags) => quantize(from, to, given)),
  )
  seqloom.addCommand(
    withOptions(
      command('dashboard')
        .description(
          'Shows the records of trainings on a page of this computer, those that still run too, until Ctrl-C.',
        )
        .argument('[runs]', 'the folder of the records, or that of one run', 'runs'),
      new Option('--port <n>', 'the port on 127.0.0.1; default: any that is free').argParser(port),
      flags.json('one JSON object with the address'),
    ).action((runs: string, given: DashboardFlags) => dashboard(runs, given)),
  )
  seqloom.addCommand(
    withOptions(
      command('info').description('Prints the version, the processor and how the engine runs on it.'),
      flags.json('one JSON object'),
    ).action(info),
  )
  seqloom.addCommand(
    withOptions(
      command('doctor').description(
        'Says what runs here, how fast that is against what is expected of the processor, and what to do.',
      ),
      flags.json('one JSON object'),
    ).action(doctor),
  )
  seqloom.addCommand(
    command('completion')
      .description('Prints a script that completes commands, flags and files in a shell.')
      .addArgument(shellArgument())
      .action((shell) => completion(seqloom, shell)),
  )
  return seqloom
}

/** The tasks that are trained on the command line, in the order of their commands. */
const trainable = taskCommands
  .filter((task): task is Required<AnyTaskCommand> => task.train !== undefined)
  .sort((a, b) => (a.train.name < b.train.name ? -1 : 1))

/** `seqloom train` with the trainings of tasks, and those that are commands of their own. */
function trainings(): { readonly together: Command; readonly alone: readonly Command[] } {
  const together = command('train').description('Trains a model.')
  for (const task of trainable) if (!task.train.alone) together.addCommand(training(task))
  return { together, alone: trainable.filter(({ train }) => train.alone).map(training) }
}

/** The command that trains a task. */
function training(task: Required<AnyTaskCommand>): Command {
  const { name, description, data, options, flags: own = [] } = task.train
  return withOptions(
    command(name).description(description),
    flags.needed('--data <file>', data),
    ...flags.columns(task.columns),
    ...flags.table(),
    ...(task.columns ? [flags.dropMissing()] : []),
    ...flags.out(),
    ...flags.watching(),
    ...own,
    ...options.flatMap(flags.optionFlags),
    flags.json('one JSON object per epoch'),
    flags.threads(),
  ).action((given: TrainFlags) => train(task, given))
}

/** `seqloom search` with the searches of all tasks. */
function searches(): Command {
  const parent = command('search').description('Finds good options of a training, by trying some.')
  for (const task of trainable) {
    const { name, alone, data, options, flags: own = [] } = task.train
    const made = withOptions(
      command(name).description(
        `Finds options of 'seqloom ${alone ? '' : 'train '}${name}': trains with options that are drawn from --space, and saves the model of the best. Other flags hold for all trials.`,
      ),
      flags.needed('--data <file>', data),
      flags.needed(
        '--space <option=values...>',
        'options to search, and what they may be: units=32,64,128 dropout=0..0.5 learning-rate=1e-4..1e-2:log',
      ),
      ...searchFlags(),
      flags.outFolder(),
      flags.force(),
      flags.dashboard(),
      ...flags.columns(task.columns),
      ...flags.table(),
      ...(task.columns ? [flags.dropMissing()] : []),
      ...own,
      ...options.flatMap(flags.optionFlags),
      flags.json('one JSON object per trial'),
      flags.threads(),
    ).action((given: SearchFlags) => search(task, given))
    parent.addCommand(made)
  }
  return parent
}

/** A command that uses saved models, of one task or of several. */
function using(name: string): Command {
  const uses = usedBy(name).flatMap(({ use }) => use ?? [])
  const [argument, what] = uses[0]?.argument ?? ['', '']
  return withOptions(
    command(name)
      .description(uses.map(({ description }) => description).join(' '))
      .argument(argument, what),
    flags.model(),
    ...uses.flatMap(({ options, flags: own }) => [...(options ? flags.optionFlags(options) : []), ...own]),
    flags.json('JSON objects'),
    flags.threads(),
  ).action((given: string | string[] | undefined, options: Flags) => use(name, [given ?? []].flat(), options))
}

/** Adds options; of several with the same name, only the first. */
function withOptions(to: Command, ...options: readonly Option[]): Command {
  for (const option of options) if (!to.options.some(({ long }) => long === option.long)) to.addOption(option)
  return to
}

/** A command whose failures are thrown, and reported in one line. */
function command(name: string): Command {
  return new Command(name)
    .exitOverride()
    .allowExcessArguments(false)
    .configureOutput({
      outputError: (text, write) => {
        const line = text
          .replace(/^error: /, '')
          .trim()
          .replaceAll(/\s*\n\s*/g, ' ')
        write(`seqloom: ERR_OPTION: ${shown(line)}\n`)
      },
    })
}
