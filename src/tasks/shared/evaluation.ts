import { displayed, showing } from '../../pictures/display.js'
import { attentionMap } from './attentionMap.js'

/** How well one class is recognized. */
export interface ClassMeasures extends MeanMeasures {
  /** The class. */
  readonly label: string
  /** How many examples are of this class. */
  readonly support: number
}

/** Precision, recall and F1. */
export interface MeanMeasures {
  /** The share of its predictions that are right; 0 if it was never predicted. */
  readonly precision: number
  /** The share of its examples that were found; 0 if there are none. */
  readonly recall: number
  /** The harmonic mean of both: 2 · precision · recall / (precision + recall), 0 if both are 0. */
  readonly f1: number
}

/** How well classes are recognized. */
export interface ClassReport {
  /** The share of examples whose class is predicted correctly. */
  readonly accuracy: number
  /** The classes, in the order of the rows and columns of `confusion`. */
  readonly labels: readonly string[]
  /**
   * `confusion[i][j]`: how many examples of class i were taken for class j. Empty for more than 2,000 classes, whose
   * table would be too large.
   */
  readonly confusion: readonly (readonly number[])[]
  /** Each class, in the order of `labels`. */
  readonly classes: readonly ClassMeasures[]
  /** The means over the classes that have examples, with equal weights. */
  readonly macro: MeanMeasures
  /** The means over the classes, weighted by their numbers of examples. */
  readonly weighted: MeanMeasures
}

/** How well a classifier does on labelled texts. */
export interface Evaluation extends ClassReport {
  /** The mean of −log of the true label's probability. */
  readonly loss: number
  /** The number of texts. */
  readonly count: number
}

/** The index of the largest of `classes` numbers from `offset` on; among equals, the first. */
export function largest(probabilities: ArrayLike<number>, offset: number, classes: number): number {
  let best = 0
  for (let index = 1; index < classes; index++) {
    if ((probabilities[offset + index] as number) > (probabilities[offset + best] as number)) best = index
  }
  return best
}

/** −log of a probability. float32 rounds small ones to 0; the training loss clips there too. */
export const lossOf = (probability: number): number => -Math.log(Math.max(probability, 1e-7))

/** Precision, recall and F1 of what was found, right or not, and of what there is. */
export function measures(right: number, found: number, support: number): MeanMeasures {
  return {
    precision: found > 0 ? right / found : 0,
    recall: support > 0 ? right / support : 0,
    f1: found + support > 0 ? (2 * right) / (found + support) : 0,
  }
}

/** The most classes whose table is made. */
const mostTabled = 2000

/** Counts what classes are taken for. */
export class Confusion {
  readonly #labels: readonly string[]
  /** By the index of the class and of what it was taken for. */
  readonly #counts = new Map<number, number>()

  /** Of these classes. */
  constructor(labels: readonly string[]) {
    this.#labels = labels
  }

  /** Counts an example of a class that was taken for another or the same one, both by their index. */
  add(target: number, predicted: number): void {
    const place = target * this.#labels.length + predicted
    this.#counts.set(place, (this.#counts.get(place) ?? 0) + 1)
  }

  /** What was counted. */
  report(): ClassReport {
    const labels = this.#labels
    const size = labels.length
    const sums = labels.map(() => ({ right: 0, found: 0, support: 0 }))
    const confusion = size > mostTabled ? [] : labels.map(() => new Array<number>(size).fill(0))
    let [total, right] = [0, 0]
    for (const [place, count] of this.#counts) {
      const [target, predicted] = [Math.floor(place / size), place % size]
      const [one, other] = [sums[target], sums[predicted]] as [(typeof sums)[0], (typeof sums)[0]]
      one.support += count
      other.found += count
      if (one === other) one.right += count
      if (one === other) right += count
      total += count
      const row = confusion[target]
      if (row) row[predicted] = count
    }
    const classes = sums.map(({ right, found, support }, index): ClassMeasures => {
      return { label: labels[index] as string, ...measures(right, found, support), support }
    })
    return {
      ...{ accuracy: right / total, labels, confusion, classes },
      macro: means(classes, ({ support }) => (support > 0 ? 1 : 0)),
      weighted: means(classes, ({ support }) => support),
    }
  }
}

/** A report that shows its confusion matrix in a notebook: what each class, in rows, was taken for, as shares. */
export function shownReport<T extends ClassReport>(report: T): T {
  return showing(report, ({ labels, confusion, accuracy }) => {
    const weights = confusion.map((row) => {
      const all = row.reduce((sum, count) => sum + count, 0)
      return row.map((count) => (all > 0 ? count / all : 0))
    })
    return displayed(attentionMap({ source: labels, target: labels, weights }), `accuracy ${accuracy}`)
  })
}

/** Compares probabilities with the true classes, as many rows at a time as there are. */
export class Comparison {
  readonly #confusion: Confusion
  readonly #classes: number
  #loss = 0
  #count = 0

  /** Of these classes. */
  constructor(labels: readonly string[]) {
    this.#confusion = new Confusion(labels)
    this.#classes = labels.length
  }

  /** Compares probabilities `[rows, classes]` with the true classes of the rows. */
  add(targets: ArrayLike<number>, probabilities: ArrayLike<number>): void {
    const classes = this.#classes
    for (let row = 0; row < targets.length; row++) {
      const target = targets[row] as number
      this.#confusion.add(target, largest(probabilities, row * classes, classes))
      this.#loss += lossOf(probabilities[row * classes + target] as number)
    }
    this.#count += targets.length
  }

  /** What all rows came to. */
  report(): Evaluation {
    const count = this.#count
    return shownReport({ ...this.#confusion.report(), loss: this.#loss / count, count })
  }
}

function means(classes: readonly ClassMeasures[], weightOf: (each: ClassMeasures) => number): MeanMeasures {
  const total = classes.reduce((sum, each) => sum + weightOf(each), 0)
  const mean = (of: (each: ClassMeasures) => number) =>
    classes.reduce((sum, each) => sum + weightOf(each) * of(each), 0) / total
  return { precision: mean((each) => each.precision), recall: mean((each) => each.recall), f1: mean((each) => each.f1) }
}
