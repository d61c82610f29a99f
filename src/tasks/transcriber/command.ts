import { answerAll, answerFlags, checkAnswering } from '../../cli/answering.js'
import { optionValues } from '../../cli/flags.js'
import { oneLine, print, printJson } from '../../cli/output.js'
import { lossView } from '../../cli/progress.js'
import { readColumns, tableHelp } from '../../cli/rows.js'
import { taskCommand } from '../../cli/taskCommand.js'
import { SeqloomError } from '../../errors.js'
import { Transcriber, type Transcription } from './index.js'
import { transcribeOptions } from './options.js'
import { saving } from './saved.js'

const framesColumn = 'the column of frames, each an array of numbers, for a transcriber'

/** What the command line does with a transcriber. */
export const command = taskCommand({
  kind: saving.kind,
  load: Transcriber.load,
  columns: {
    frames: framesColumn,
    transcript: 'the column of what the frames say',
  },
  read: (file, _: Transcriber) =>
    readColumns(
      file,
      { frames: file.frames, transcript: file.transcript },
      ({ frames, transcript }) => ({ frames: framesOf(frames), text: transcript }),
      { lists: true },
    ),
  show(result, json) {
    if (json) printJson({ event: 'evaluation', ...result })
    else {
      const { characterErrorRate, wordErrorRate, exactMatch, loss, count } = result
      const rates = `character error rate ${characterErrorRate.toFixed(4)}  word error rate ${wordErrorRate.toFixed(4)}`
      print(`${rates}  exact ${exactMatch.toFixed(4)}  loss ${loss.toFixed(4)}  ${count} rows`)
    }
  },
  train: {
    name: 'transcribe',
    description: 'Trains a transcriber on frames with their texts and saves the model with the best validation loss.',
    data: tableHelp,
    options: Transcriber.optionTables,
    view: lossView('sequences'),
    create: (options) => new Transcriber(options),
  },
  use: {
    name: 'transcribe',
    description:
      'Writes what frames say: JSON arrays of frames, given, in a column of a table or as lines of standard input.',
    argument: ['[frames...]', 'frames, each an array of numbers: [[0.1, 0.2], [0.3, 0.1]]'],
    options: transcribeOptions,
    flags: answerFlags({ frames: framesColumn }),
    check: checkAnswering,
    async run(transcriber, given, flags, signal) {
      const settings = { ...optionValues(transcribeOptions, flags), signal }
      await answerAll(given, flags, signal, {
        columns: { frames: flags.frames as string },
        values: { lists: true },
        read: ({ frames }) => framesOf(frames),
        answer: (some) => transcriber.transcribe(some, settings),
        show: (_, found) => show(found, flags.json as boolean),
        written: ({ text, score, ...found }, nested) => ({ transcript: text, score, ...(nested && found) }),
      })
    },
  },
})

/** Prints what frames say, and the alternatives with their scores. */
function show(found: Transcription, json: boolean): void {
  if (json) {
    printJson(found)
    return
  }
  for (const { text, score } of [found, ...(found.alternatives ?? [])]) {
    print(found.alternatives ? `${score.toFixed(4)}\t${oneLine(text)}` : oneLine(text))
  }
}

/** The frames of a JSON array. */
function framesOf(text: string): number[][] {
  try {
    return JSON.parse(text) as number[][]
  } catch (cause) {
    throw new SeqloomError(
      'ERR_DATA',
      `frames must be a JSON array of arrays of numbers: ${(cause as Error).message}`,
      { cause },
    )
  }
}
