import { Command, Option } from 'commander'
import { backend } from '../engine.js'
import { pathOf } from '../path.js'
import { classWeight, delimiter, encoding, fraction, integer, nonNegative, positive, size } from './arguments.js'
import { caption } from './caption.js'
import { evaluate } from './evaluate.js'
import { generate } from './generate.js'
import { info } from './info.js'
import { shown } from './output.js'
import { predict } from './predict.js'
import { summary } from './summary.js'
import { trainCaption } from './trainCaption.js'
import { trainClassify } from './trainClassify.js'
import { trainForecast } from './trainForecast.js'
import { trainGenerate } from './trainGenerate.js'
import { trainTranslate } from './trainTranslate.js'
import { translate } from './translate.js'

/** The `seqloom` command with all its parts. */
export function program(): Command {
  const seqloom = command('seqloom').description('Trains and runs recurrent networks.')
  seqloom.version(backend().version)
  seqloom.hook('preAction', (_, action) => {
    checkNeeded(action)
    readPaths(action)
  })
  seqloom.addCommand(train())
  seqloom.addCommand(
    command('predict')
      .description(
        'Labels texts: those given, a column of a CSV file, or the lines of standard input. A forecaster prints what comes next.',
      )
      .argument('[texts...]', 'texts to label')
      .addOption(model())
      .option('--data <file>', 'a CSV file (or .jsonl) of texts to label, or of a series to go on from')
      .option('--known <file>', 'for a forecaster: a CSV file of what is known of steps to come')
      .option('--text <column>', 'its column of texts', 'text')
      .addOption(delimiterOption())
      .addOption(encodingOption())
      .option('--json', 'print one JSON object a text', false)
      .addOption(threads())
      .action(predict),
  )
  seqloom.addCommand(
    command('generate')
      .description('Goes on with a text and prints it as it is written.')
      .argument('[prompt]', 'the text to go on with', '')
      .addOption(model())
      .option('--max-tokens <n>', 'most tokens to generate', integer(1), 500)
      .option('--temperature <x>', 'below 1: more probable tokens; 0: always the most probable', nonNegative, 1)
      .option('--top-k <n>', 'choose among so many of the most probable tokens', integer(1))
      .option('--top-p <share>', 'choose among the most probable tokens of this probability together', positive)
      .option('--repetition-penalty <x>', 'above 1: tokens that were there become rarer', positive)
      .option('--stop <text...>', 'end before this text')
      .option('--seed <n>', 'makes a run repeatable', integer(0))
      .option('--json', 'print one JSON object a piece of text', false)
      .addOption(threads())
      .action(generate),
  )
  seqloom.addCommand(
    command('evaluate')
      .description('Measures a saved model of any task on rows like those that train it, a text generator on a text.')
      .addOption(model())
      .addOption(
        needed('--data <file>', 'a file as for training; of a series, what follows what the forecaster has read'),
      )
      .option('--text <column>', 'the column of texts, for a classifier', 'text')
      .option('--label <column>', 'the column of labels', 'label')
      .option('--source <column>', 'the column of texts, for a translator', 'source')
      .option('--target <column>', 'the column of translations', 'target')
      .option('--image <column>', 'the column of PNG files, for a captioner', 'image')
      .option('--caption <column>', 'the column of captions', 'caption')
      .option('--tokens <column>', 'the column of tokens with spaces between (or a JSON array), for a tagger', 'tokens')
      .option('--tags <column>', 'the column of tags', 'tags')
      .option('--story <column>', 'the column of stories, for a question answerer', 'story')
      .option('--question <column>', 'the column of questions', 'question')
      .option('--answer <column>', 'the column of answers', 'answer')
      .addOption(delimiterOption())
      .addOption(encodingOption())
      .option('--json', 'print JSON objects', false)
      .addOption(threads())
      .action(evaluate),
  )
  seqloom.addCommand(
    writing('translate', 'translation')
      .description('Translates texts: those given, or the lines of standard input.')
      .argument('[texts...]', 'texts to translate')
      .action(translate),
  )
  seqloom.addCommand(
    writing('caption', 'caption')
      .description('Describes images: the PNG files given, or those that lines of standard input name.')
      .argument('[images...]', 'PNG files; they are brought to the size that the model was trained on')
      .action(caption),
  )
  seqloom.addCommand(
    command('summary').description('Prints the layers of a saved model.').addOption(model()).action(summary),
  )
  seqloom.addCommand(
    command('info')
      .description('Prints the version and what the engine runs on.')
      .option('--json', 'print one JSON object', false)
      .action(info),
  )
  return seqloom
}

/** A command that writes by beam search. */
function writing(name: string, what: string): Command {
  return command(name)
    .addOption(model())
    .option('--beam <n>', 'hypotheses that go on side by side; 1 is greedy', integer(1), 4)
    .option('--best <n>', `${what}s to print, with their scores`, integer(1), 1)
    .option('--length-penalty <x>', 'exponent of the length normalisation', nonNegative, 0.6)
    .option('--max-length <n>', `most tokens of a ${what}`, integer(1))
    .option('--attention-map <file>', 'draw what each token attends to as SVG')
    .option('--force', 'draw over a file that is no drawing of this kind', false)
    .addOption(encodingOption())
    .option('--json', `print one JSON object a ${what}`, false)
    .addOption(threads())
}

function train(): Command {
  const classify = command('classify')
    .description(
      'Trains a text classifier on a CSV file or JSON lines and saves the model with the best validation accuracy.',
    )
    .addOption(needed('--data <file>', 'a CSV file with a header line, or JSON objects line by line (.jsonl)'))
    .option('--text <column>', 'the column of texts', 'text')
    .option('--label <column>', 'the column of labels', 'label')
    .addOption(delimiterOption())
    .addOption(encodingOption())
    .option('--out <folder>', 'where to save the model', 'model')
    .addOption(
      new Option('--tokens <unit>', 'what texts are cut into')
        .choices(['word', 'character', 'subword'])
        .default('word'),
    )
    .addOption(new Option('--cell <cell>', 'the recurrent cell').choices(['lstm', 'gru', 'simpleRNN']).default('lstm'))
    .option('--bidirectional', 'read in both directions (the default)')
    .option('--no-bidirectional', 'read forwards only')
    .option('--layers <n>', 'recurrent layers', integer(1), 1)
    .option('--units <n>', 'size of the state', integer(1), 64)
    .option('--embedding <n>', "size of a word's vector", integer(1), 64)
    .option('--dropout <rate>', 'rate of dropout', fraction, 0)
    .option('--max-vocabulary <n>', 'most tokens to tell apart; default 20000, of subwords 8192', integer(3))
    .option('--max-length <n>', 'most tokens read of a text', integer(1), 300)
    .option('--batch-size <n>', 'texts in a training step', integer(1), 32)
    .addOption(epochs(8))
    .option('--learning-rate <x>', "Adam's step", positive, 0.001)
    .option('--class-weight <label=factor...>', "factors of the loss by label, or 'balanced'", classWeight)
    .addOption(validationSplit('share of rows kept apart to measure'))
    .option('--seed <n>', 'makes a run repeatable', integer(0), 0)
    .addOption(resume())
    .addOption(force())
    .option('--json', 'print one JSON object an epoch', false)
    .addOption(threads())
    .action(trainClassify)
  const generator = command('generate')
    .description('Trains a text generator on a text file and saves the model with the lowest validation loss.')
    .addOption(needed('--data <file>', 'a text file'))
    .addOption(encodingOption())
    .option('--out <folder>', 'where to save the model', 'model')
    .addOption(
      new Option('--tokens <unit>', 'what text is cut into')
        .choices(['character', 'word', 'subword'])
        .default('character'),
    )
    .addOption(new Option('--cell <cell>', 'the recurrent cell').choices(['lstm', 'gru', 'simpleRNN']).default('lstm'))
    .option('--layers <n>', 'recurrent layers', integer(1), 2)
    .option('--units <n>', 'size of the state', integer(1), 256)
    .option('--embedding <n>', "size of a token's vector", integer(1), 64)
    .option('--dropout <rate>', 'rate of dropout between the layers', fraction, 0.2)
    .option('--tied', 'use the vectors of tokens at the output, too', false)
    .option('--max-vocabulary <n>', 'most tokens to tell apart', integer(3))
    .option('--time <n>', 'tokens read before each training step; default: 100, less of short texts', integer(1))
    .option('--batch-size <n>', 'parts of the text read side by side; default: 64, less of short texts', integer(1))
    .addOption(epochs(10))
    .option('--learning-rate <x>', "Adam's first step", positive, 0.004)
    .addOption(validationSplit('share of the text, its end, kept apart to measure'))
    .option('--seed <n>', 'makes a run repeatable', integer(0), 0)
    .addOption(resume())
    .addOption(force())
    .option('--json', 'print one JSON object an epoch', false)
    .addOption(threads())
    .action(trainGenerate)
  const translate = command('translate')
    .description(
      'Trains a translator on a CSV or TSV file or JSON lines and saves the model with the best validation loss.',
    )
    .addOption(needed('--data <file>', 'a CSV file, one with tabs (.tsv), or JSON objects line by line (.jsonl)'))
    .option('--source <column>', 'the column of texts', 'source')
    .option('--target <column>', 'the column of translations', 'target')
    .addOption(delimiterOption())
    .addOption(encodingOption())
    .option('--out <folder>', 'where to save the model', 'model')
    .addOption(new Option('--cell <cell>', 'the recurrent cell').choices(['lstm', 'gru']).default('lstm'))
    .addOption(
      new Option('--attention <kind>', 'how the decoder attends').choices(['bahdanau', 'luong']).default('bahdanau'),
    )
    .option('--layers <n>', 'recurrent layers of encoder and decoder', integer(1), 1)
    .option('--units <n>', 'size of the state', integer(1), 256)
    .option('--embedding <n>', "size of a token's vector", integer(1), 128)
    .option('--dropout <rate>', 'rate of dropout', fraction, 0.2)
    .addOption(tokens('source'))
    .addOption(tokens('target'))
    .option('--lowercase', 'lowercase all texts', false)
    .option('--max-vocabulary <n>', 'most tokens to tell apart', integer(3), 20_000)
    .option('--max-length <n>', 'most tokens read of a text', integer(1), 100)
    .option('--batch-size <n>', 'texts in a training step', integer(1), 64)
    .addOption(epochs(8))
    .option('--learning-rate <x>', "Adam's step; default: 0.002, falling to 0", positive)
    .option('--scheduled-sampling <share>', "the decoder's own guesses among its inputs, in the end", fraction, 0)
    .addOption(validationSplit('share of sources kept apart to measure'))
    .option('--seed <n>', 'makes a run repeatable', integer(0), 0)
    .addOption(resume())
    .addOption(force())
    .option('--json', 'print one JSON object an epoch', false)
    .addOption(threads())
    .action(trainTranslate)
  return command('train')
    .description('Trains a model.')
    .addCommand(captions())
    .addCommand(classify)
    .addCommand(forecast())
    .addCommand(generator)
    .addCommand(translate)
}

/** How one side's texts are cut. */
function tokens(side: 'source' | 'target'): Option {
  return new Option(`--${side}-tokenizer <unit>`, `what ${side}s are cut into`)
    .choices(['word', 'character'])
    .default('word')
}

function captions(): Command {
  return command('caption')
    .description('Trains a captioner on image files and saves the model with the best validation loss.')
    .addOption(needed('--data <file>', 'a CSV file, one with tabs (.tsv), or JSON objects line by line (.jsonl)'))
    .option('--image <column>', "the column of PNG files, named from the data file's folder", 'image')
    .option('--caption <column>', 'the column of captions', 'caption')
    .addOption(delimiterOption())
    .addOption(encodingOption())
    .option('--out <folder>', 'where to save the model', 'model')
    .option('--size <width>x<height>', 'bring images to this size; default: all are of one', size)
    .option('--patch-size <n>', "side of an image's patches", integer(1), 8)
    .option('--patch-stride <n>', 'how far patches are apart; default: they touch', integer(1))
    .option('--front-layers <n>', 'dense layers that a patch passes', integer(1), 2)
    .option('--annotation-size <n>', "size of a patch's vector", integer(1), 128)
    .option('--units <n>', 'size of the state', integer(1), 256)
    .option('--embedding <n>', "size of a token's vector", integer(1), 128)
    .option('--dropout <rate>', 'rate of dropout', fraction, 0.2)
    .option('--attention-penalty <x>', 'factor of the doubly stochastic penalty', nonNegative, 0)
    .addOption(
      new Option('--tokenizer <unit>', 'what captions are cut into').choices(['word', 'character']).default('word'),
    )
    .option('--lowercase', 'lowercase all captions', false)
    .option('--max-vocabulary <n>', 'most tokens to tell apart', integer(3), 20_000)
    .option('--max-length <n>', 'most tokens read of a caption', integer(1), 100)
    .option('--batch-size <n>', 'images in a training step', integer(1), 64)
    .addOption(epochs(8))
    .option('--learning-rate <x>', "Adam's step; default: 0.002, falling to 0", positive)
    .addOption(validationSplit('share of images kept apart to measure'))
    .option('--seed <n>', 'makes a run repeatable', integer(0), 0)
    .addOption(resume())
    .addOption(force())
    .option('--json', 'print one JSON object an epoch', false)
    .addOption(threads())
    .action(trainCaption)
}

function forecast(): Command {
  return command('forecast')
    .description(
      'Trains a forecaster on columns of a CSV file and saves the best model. Without --time, rows are in the order of time.',
    )
    .addOption(needed('--data <file>', 'a CSV file with a header line, or JSON objects line by line (.jsonl)'))
    .addOption(needed('--column <names...>', 'the columns to forecast'))
    .option('--time <column>', 'the column of dates or numbers that orders the rows')
    .option('--group <column>', 'the column that tells several series apart')
    .option('--covariates <columns...>', 'columns that are known ahead, as promotions are', [])
    .option('--past <columns...>', 'columns that are known only afterwards', [])
    .option('--no-calendar', 'read no weekdays, months and the like off dates')
    .addOption(
      new Option('--fill <kind>', 'what becomes of missing rows and values')
        .choices(['none', 'linear', 'last', 'mask'])
        .default('none'),
    )
    .addOption(delimiterOption())
    .addOption(encodingOption())
    .option('--out <folder>', 'where to save the model', 'model')
    .option('--horizon <n>', 'steps ahead to forecast', integer(1), 1)
    .option('--interval <share>', 'share of values that intervals are to cover', fraction, 0.9)
    .option('--window <n>', 'steps of a training sequence', integer(2), 64)
    .addOption(
      new Option('--transform <kind>', 'what to learn from')
        .choices(['auto', 'none', 'sqrt', 'log', 'log1p'])
        .default('auto'),
    )
    .addOption(new Option('--cell <cell>', 'the recurrent cell').choices(['lstm', 'gru', 'simpleRNN']).default('gru'))
    .option('--layers <n>', 'recurrent layers', integer(1), 1)
    .option('--units <n>', 'size of the state', integer(1), 32)
    .option('--dropout <rate>', 'rate of dropout', fraction, 0)
    .option('--batch-size <n>', 'windows in a training step', integer(1))
    .option('--epochs <n>', 'passes over the data; default: 20 to 40, more for few data', integer(1))
    .option('--learning-rate <x>', "Adam's step", positive)
    .option(
      '--validation-split <share>',
      'share of each series, from its end, kept apart to measure; default: a tenth if that is enough to tell',
      fraction,
    )
    .option('--seed <n>', 'makes a run repeatable', integer(0), 0)
    .addOption(resume())
    .addOption(force())
    .option('--json', 'print one JSON object an epoch', false)
    .addOption(threads())
    .action(trainForecast)
}

function delimiterOption(): Option {
  return new Option(
    '--delimiter <character>',
    "what stands between the columns of a CSV file, '\\t' for a tab; default: found from the header line",
  ).argParser(delimiter)
}

function encodingOption(): Option {
  return new Option('--encoding <name>', 'the encoding of the texts, such as windows-1252; default: utf-8').argParser(
    encoding,
  )
}

/** The options that must be given. Those that commander knows as mandatory are missed before an option that is misspelt is told of. */
const neededOptions = new WeakSet<Option>()

/** An option that must be given. */
function needed(flags: string, description: string): Option {
  const option = new Option(flags, description)
  neededOptions.add(option)
  return option
}

function checkNeeded(action: Command): void {
  const missing = action.options.find(
    (option) => neededOptions.has(option) && action.getOptionValue(option.attributeName()) === undefined,
  )
  if (missing) action.error(`required option '${missing.flags}' not specified`)
}

function model(): Option {
  return needed('--model <folder>', 'the folder of a saved model')
}

function epochs(usual: number): Option {
  return new Option('--epochs <n>', `passes over the data; default: ${usual}, more of few data`).argParser(integer(1))
}

function validationSplit(what: string): Option {
  return new Option('--validation-split <share>', `${what}; default: 0.1 if that can tell epochs apart`).argParser(
    fraction,
  )
}

function resume(): Option {
  return new Option('--resume', 'go on with an interrupted training of the same options').default(false)
}

function force(): Option {
  return new Option('--force', 'replace a model of another kind, or a finished one by an interrupted one').default(
    false,
  )
}

function threads(): Option {
  return new Option('--threads <n>', 'threads to compute with; default: all that the process may use').argParser(
    integer(1),
  )
}

/** Lets files and folders be given as `file:` URLs, too; `ERR_OPTION` for what can be none. */
function readPaths(action: Command): void {
  for (const option of action.options) {
    const name = option.attributeName()
    const given = action.getOptionValue(name)
    if (!/ <(file|folder)>/.test(option.flags) || given === undefined) continue
    action.setOptionValueWithSource(name, pathOf(option.long ?? name, given), action.getOptionValueSource(name))
  }
}

/** A command whose failures are thrown, and told in one line. */
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
