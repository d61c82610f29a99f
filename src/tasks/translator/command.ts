import { writePicture } from '../../cli/pictures.js'
import { lossView } from '../../cli/progress.js'
import { showScores } from '../../cli/results.js'
import { readColumns, tableHelp } from '../../cli/rows.js'
import { taskCommand } from '../../cli/taskCommand.js'
import { inBatches, lines } from '../../cli/texts.js'
import { show, unsaved, writeCommand, writing } from '../../cli/written.js'
import { attentionMap } from '../shared/attentionMap.js'
import { Translator } from './index.js'
import { saving } from './saved.js'

/** What the command line does with a translator. */
export const command = taskCommand({
  kind: saving.kind,
  load: Translator.load,
  columns: { source: 'the column of texts, for a translator', target: 'the column of translations' },
  read: (file, _: Translator) => readColumns(file, { source: file.source, target: file.target }, (row) => row),
  show: (result, json) => showScores(result, 'sources', json),
  train: {
    name: 'translate',
    description:
      'Trains a translator on a CSV or TSV file or JSON lines and saves the model with the best validation loss.',
    data: tableHelp,
    options: Translator.optionTables,
    view: lossView('sequences'),
    create: (options) => new Translator(options),
    unsaved,
  },
  use: {
    name: 'translate',
    description: 'Translates texts: the given ones, or the lines of standard input.',
    argument: ['[texts...]', 'texts to translate'],
    ...writeCommand('translation', 'text'),
    async run(translator, texts, flags, signal) {
      const { encoding, json, settings, map } = writing(flags, signal)
      for await (const batch of texts.length > 0 ? inBatches(texts) : lines(process.stdin, signal, encoding)) {
        const translations = await translator.translate(batch, settings)
        for (const [index, translation] of translations.entries()) {
          const { alignment } = translation
          show({ text: batch[index] as string }, 'translation', translation, alignment ? { alignment } : {}, json)
        }
        const alignment = translations[0]?.alignment
        if (map !== undefined && alignment) await writePicture(map, attentionMap(alignment))
      }
    },
  },
})
