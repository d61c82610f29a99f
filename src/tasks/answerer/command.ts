import { answerAll, answerFlags, checkAnswering, checkFor } from '../../cli/answering.js'
import { oneLine, print, printJson } from '../../cli/output.js'
import { showReport } from '../../cli/results.js'
import { readColumns } from '../../cli/rows.js'
import { taskCommand } from '../../cli/taskCommand.js'
import { QuestionAnswerer } from './index.js'
import { saving } from './saved.js'

const asked = { story: 'the column of stories, for a question answerer', question: 'the column of questions' }

/** What the command line does with a question answerer. */
export const command = taskCommand({
  kind: saving.kind,
  load: QuestionAnswerer.load,
  columns: { ...asked, answer: 'the column of answers' },
  read: (file, _: QuestionAnswerer) =>
    readColumns(file, { story: file.story, question: file.question, answer: file.answer }, (row) => row),
  show: (result, json) => showReport(result, `${result.count} questions`, json),
  use: {
    name: 'predict',
    description: 'A question answerer answers the questions of a table.',
    argument: ['[texts...]', 'texts to label'],
    flags: answerFlags(asked),
    check: checkAnswering,
    async run(answerer, texts, given, signal) {
      checkFor('a question answerer', given, ['known', 'explain'])
      await answerAll(texts, given, signal, {
        columns: { story: given.story as string, question: given.question as string },
        read: (row) => row,
        answer: (some) => answerer.predict(some, { signal }),
        show({ question }, { answer, probability, attention }) {
          if (given.json) printJson({ question, answer, probability, attention })
          else print(`${oneLine(answer)}\t${probability.toFixed(4)}\t${oneLine(question)}`)
        },
        written: ({ attention, ...answer }, nested) => (nested ? { ...answer, attention } : answer),
      })
    },
  },
})
