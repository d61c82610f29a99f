import { Option } from 'commander'
import { integer, nonNegative, positive } from '../../cli/arguments.js'
import { print, printJson, shown } from '../../cli/output.js'
import { lossView } from '../../cli/progress.js'
import { tableOptions } from '../../cli/rows.js'
import { taskCommand } from '../../cli/taskCommand.js'
import { textPieces } from '../../data/pieces.js'
import { TextGenerator } from './index.js'
import type { GenerateTextOptions } from './options.js'
import { saving } from './saved.js'

/** What the command line does with a text generator. */
export const command = taskCommand({
  kind: saving.kind,
  load: TextGenerator.load,
  read: (file, _: TextGenerator) => textPieces(file.data, tableOptions(file)),
  show(result, json) {
    if (json) printJson({ event: 'evaluation', ...result })
    else print(`perplexity ${result.perplexity.toFixed(4)}  loss ${result.loss.toFixed(4)}  ${result.count} tokens`)
  },
  train: {
    name: 'generate',
    description: 'Trains a text generator on a text file and saves the model with the lowest validation loss.',
    data: 'a text file (also .gz and .zst), a pattern of files, or -',
    options: TextGenerator.optionTables,
    view: lossView('tokens'),
    create: (options) => new TextGenerator(options),
  },
  use: {
    name: 'generate',
    description: 'Continues a text and prints it as it is written.',
    argument: ['[prompt]', 'the text to continue'],
    flags: [
      new Option('--max-tokens <n>', 'the most tokens to generate').argParser(integer(1)).default(500),
      new Option('--temperature <x>', 'below 1, prefer probable tokens; 0: always take the most probable one')
        .argParser(nonNegative)
        .default(1),
      new Option('--top-k <n>', 'choose among this many of the most probable tokens').argParser(integer(1)),
      new Option(
        '--top-p <share>',
        'choose among the most probable tokens that together have this probability',
      ).argParser(positive),
      new Option('--repetition-penalty <x>', 'above 1, tokens that have occurred become rarer').argParser(positive),
      new Option('--stop <text...>', 'end before this text'),
      new Option('--seed <n>', 'the seed, which makes runs reproducible').argParser(integer(0)),
    ],
    async run(generator, [prompt = ''], { json, model, threads, ...settings }, signal) {
      const pieces = generator.generate(prompt, { ...(settings as GenerateTextOptions), signal })
      if (json) {
        for await (const text of pieces) printJson({ event: 'text', text })
        printJson({ event: 'done' })
        return
      }
      // Nothing is printed before it is certain that the text can be continued.
      let text = prompt
      for await (const piece of pieces) {
        text += piece
        // Half of a line end waits for the other.
        const whole = text.endsWith('\r') ? text.length - 1 : text.length
        await write(text.slice(0, whole))
        text = text.slice(whole)
      }
      await write(`${text}\n`)
    },
  },
})

/** Waits while the reader is slow, so that nothing piles up. */
async function write(text: string): Promise<void> {
  const written = process.stdout.write(shown(text.replaceAll('\r\n', '\n')))
  if (!written) await new Promise((resolve) => process.stdout.once('drain', resolve))
}
