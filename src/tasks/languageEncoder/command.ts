import { print, printJson } from '../../cli/output.js'
import type { TaskView } from '../../cli/progress.js'
import { type FileOptions, readColumns } from '../../cli/rows.js'
import { taskCommand } from '../../cli/taskCommand.js'
import type { Dataset } from '../../data/dataset.js'
import { text } from '../../data/sources.js'
import type { Writing } from '../decoding/units.js'
import type { TaskEpoch, TaskProgress } from '../shared/training.js'
import { LanguageEncoder } from './index.js'
import { languageEncoderOptions, trainLanguageEncoderOptions } from './options.js'
import { saving } from './saved.js'

const perplexityOf = (loss: number | undefined) => (loss === undefined ? undefined : Math.exp(loss))

const view: TaskView<TaskProgress, TaskEpoch> = {
  unit: 'texts',
  decides: 'loss',
  progress: ({ loss }) => ({ loss, perplexity: Math.exp(loss) }),
  epoch: ({ loss, valLoss }) => ({
    ...{ loss, perplexity: Math.exp(loss) },
    ...{ val_loss: valLoss, val_perplexity: perplexityOf(valLoss) },
  }),
}

/** What the command line does with a language encoder. */
export const command = taskCommand({
  kind: saving.kind,
  load: LanguageEncoder.load,
  columns: { text: 'the column of texts, or of arrays of tokens in .jsonl, for a language encoder' },
  read(file, _: LanguageEncoder) {
    if (/\.txt(\.gz|\.zst)?$/i.test(file.data)) return lines(file).filter((text) => (text as string).trim() !== '')
    const values = { lists: true, plainValues: true }
    return readColumns<'text', Writing>(file, { text: file.text }, (row) => listIn(row.text) ?? row.text, values)
  },
  show(result, json) {
    if (json) printJson({ event: 'evaluation', ...result })
    else print(`perplexity ${result.perplexity.toFixed(4)}  loss ${result.loss.toFixed(4)}  ${result.count} tokens`)
  },
  train: {
    name: 'pretrain',
    alone: true,
    description:
      'Learns a language from texts without labels, for tasks that begin with it (--encoder), and saves the model with the lowest validation loss.',
    data: 'a CSV file with a header line, one JSON object per line (.jsonl), or a text file (.txt) with a text in each line',
    options: [languageEncoderOptions, trainLanguageEncoderOptions],
    view,
    create: (options) => new LanguageEncoder(options),
  },
})

const lines = ({ data, encoding }: Pick<FileOptions, 'data' | 'encoding'>): Dataset<Writing> =>
  text(data, encoding === undefined ? {} : { encoding })

/** The tokens of a JSON array of texts; undefined for anything else. */
function listIn(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined
  try {
    const list: unknown = JSON.parse(text)
    return Array.isArray(list) && list.every((token) => typeof token === 'string') ? list : undefined
  } catch {
    return undefined
  }
}
