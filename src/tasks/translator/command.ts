import { answerAll } from '../../cli/answering.js'
import { writePicture } from '../../cli/pictures.js'
import { lossView } from '../../cli/progress.js'
import { showScores } from '../../cli/results.js'
import { readColumns, tableHelp } from '../../cli/rows.js'
import { taskCommand } from '../../cli/taskCommand.js'
import { columnsOf, show, unsaved, writeCommand, writing } from '../../cli/written.js'
import { attentionMap } from '../shared/attentionMap.js'
import { type Translation, Translator } from './index.js'
import { saving } from './saved.js'

const sourceColumn = 'the column of texts, for a translator'

/** What the command line does with a translator. */
export const command = taskCommand({
  kind: saving.kind,
  load: Translator.load,
  columns: { source: sourceColumn, target: 'the column of translations' },
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
    description: 'Translates texts: the given ones, a column of a table, or the lines of standard input.',
    argument: ['[texts...]', 'texts to translate'],
    ...writeCommand('translation', 'text', { source: sourceColumn }),
    async run(translator, texts, flags, signal) {
      const { json, settings, map } = writing(flags, signal)
      const besides = ({ alignment }: Translation) => (alignment ? { alignment } : {})
      await answerAll(texts, flags, signal, {
        columns: { source: flags.source as string },
        read: ({ source }) => source,
        async answer(some) {
          const translations = await translator.translate(some, settings)
          const alignment = translations[0]?.alignment
          if (map !== undefined && alignment) await writePicture(map, attentionMap(alignment))
          return translations
        },
        show: ({ source }, found) => show({ text: source }, 'translation', found, besides(found), json),
        written: (found, nested) => columnsOf('translation', found, besides(found), nested),
      })
    },
  },
})
