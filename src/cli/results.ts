import type { WrittenScores } from '../tasks/decoding/scores.js'
import type { ClassReport } from '../tasks/index.js'
import { print, printJson } from './output.js'
import { confusionTable, reportTable } from './table.js'

/** Prints how well classes are recognized. */
export function showReport(report: ClassReport & { readonly loss: number }, what: string, json: boolean): void {
  if (json) {
    printJson({ event: 'evaluation', ...report })
    return
  }
  print(`accuracy ${report.accuracy.toFixed(4)}  loss ${report.loss.toFixed(4)}  ${what}`)
  print(confusionTable(report))
  print('')
  print(reportTable(report, 'label'))
}

/** Prints how well texts are written. */
export function showScores(scores: WrittenScores & { readonly loss: number }, what: string, json: boolean): void {
  if (json) {
    printJson({ event: 'evaluation', ...scores })
    return
  }
  const { loss, bleu, exactMatch, errorRate, count } = scores
  const rates = `exact ${exactMatch.toFixed(4)}  error rate ${errorRate.toFixed(4)}`
  print(`BLEU ${bleu.score.toFixed(2)}  ${rates}  loss ${loss.toFixed(4)}  ${count} ${what}`)
}
