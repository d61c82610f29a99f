import { showReport } from '../../cli/results.js'
import { readColumns } from '../../cli/rows.js'
import { taskCommand } from '../../cli/taskCommand.js'
import { QuestionAnswerer } from './index.js'
import { saving } from './saved.js'

/** What the command line does with a question answerer. */
export const command = taskCommand({
  kind: saving.kind,
  load: QuestionAnswerer.load,
  columns: {
    story: 'the column of stories, for a question answerer',
    question: 'the column of questions',
    answer: 'the column of answers',
  },
  read: (file, _: QuestionAnswerer) =>
    readColumns(file, { story: file.story, question: file.question, answer: file.answer }, (row) => row),
  show: (result, json) => showReport(result, `${result.count} questions`, json),
})
