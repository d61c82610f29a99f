import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import { compoundWords } from '../../text/words.js'
import { checkList } from '../shared/rows.js'
import { randomSource } from '../shared/split.js'
import { Vocabulary } from '../shared/vocabulary.js'

/** A short text with a question about it. */
export interface StoryQuestion {
  readonly story: string
  readonly question: string
}

/** A question with its answer: one word. */
export interface AnsweredQuestion extends StoryQuestion {
  readonly answer: string
}

/** How many unknown words of one story can be distinguished. */
const placeholderCount = 24

/** The words of a text, in lower case; every punctuation mark is a word. */
export function wordsOf(text: string): string[] {
  return compoundWords(text.toLowerCase())
}

/**
 * Throws `ERR_DATA`, naming the row, unless `rows` are stories with questions, and with answers if these are needed.
 */
export function checkStories(where: string, rows: readonly StoryQuestion[], answered: boolean): void {
  const fields = answered ? ['story', 'question', 'answer'] : ['story', 'question']
  const expected = `{ ${fields.join(', ')} }`
  checkList(where, expected, rows)
  rows.forEach((row: unknown, index) => {
    const wrong = fields.find(
      (field) => !isRecord(row) || typeof row[field] !== 'string' || wordsOf(row[field]).length === 0,
    )
    if (wrong !== undefined) {
      throw new SeqloomError(
        'ERR_DATA',
        `${where}: row ${index} must be ${expected}, texts with words; its ${wrong} is not`,
      )
    }
    const answer = wordsOf(answered ? (row as AnsweredQuestion).answer : 'one')
    if (answer.length !== 1) {
      throw new SeqloomError(
        'ERR_DATA',
        `${where}: row ${index}: an answer is one word, not ${describe(answer.join(' '))}`,
      )
    }
  })
}

/** The answer, if it is not in the story. */
export function answersBeside({ story, answer }: AnsweredQuestion): string[] {
  const [word] = wordsOf(answer) as [string]
  return wordsOf(story).includes(word) ? [] : [word]
}

/** How many stories there are, and how many of them have each word. */
export function storiesWith(rows: readonly StoryQuestion[]): {
  readonly counts: ReadonlyMap<string, number>
  readonly stories: number
} {
  const counts = new Map<string, number>()
  for (const { story } of rows)
    for (const word of new Set(wordsOf(story))) counts.set(word, (counts.get(word) ?? 0) + 1)
  return { counts, stories: rows.length }
}

/** A story as a reader reads it. */
export interface ReadStory {
  /** The words that can be the answer: the answers that are in no story, then the story. */
  readonly words: readonly string[]
  readonly story: Int32Array
  readonly question: Int32Array
}

/**
 * Turns stories into ids. Words outside the vocabulary become placeholders, one for each different word of a story, so
 * that an unknown name can be followed through its story and be the answer (after Hermann et al. 2015, arXiv
 * 1506.03340). In training, random words become placeholders.
 */
export class StoryReader {
  constructor(
    readonly vocabulary: Vocabulary,
    /** Answers that can be given even if they are not in the story, such as yes and no. */
    readonly extras: readonly string[],
  ) {}

  /**
   * The words that occur often enough in the training stories, and the answers that are not in their stories, of these
   * or others.
   */
  static of(rows: readonly AnsweredQuestion[], minFrequency: number, known: Iterable<string> = []): StoryReader {
    const texts = rows.flatMap(({ story, question }) => [wordsOf(story), wordsOf(question)])
    const extras = new Set(known)
    for (const row of rows) for (const word of answersBeside(row)) extras.add(word)
    return new StoryReader(Vocabulary.of([...texts, [...extras]], minFrequency), [...extras].sort())
  }

  /** The number of ids. */
  get size(): number {
    return this.vocabulary.size + placeholderCount
  }

  /** Reads rows as they are. */
  read(rows: readonly StoryQuestion[]): ReadStory[] {
    return rows.map((row) =>
      this.#encode(
        row,
        () => false,
        (index) => index,
      ),
    )
  }

  /**
   * Reads rows with words hidden: in each story, a random share of those words that fewer than half of the stories
   * have, or fewer than half of those that were counted elsewhere.
   */
  readHidden(rows: readonly StoryQuestion[], seed: number, { counts, stories } = storiesWith(rows)): ReadStory[] {
    const next = randomSource(seed)
    return rows.map((row) => {
      const share = next()
      const shift = Math.floor(next() * placeholderCount)
      const hides = (word: string) => (counts.get(word) ?? 0) * 2 < stories && next() < share
      return this.#encode(row, hides, (index) => index + shift)
    })
  }

  #encode(row: StoryQuestion, hides: (word: string) => boolean, numbered: (index: number) => number): ReadStory {
    const [story, question] = [wordsOf(row.story), wordsOf(row.question)]
    const words = [...this.extras, ...story]
    const known = new Map<string, number>()
    for (const extra of this.extras) known.set(extra, this.vocabulary.idOf(extra))
    let hidden = 0
    const idOf = (word: string): number => {
      const found = known.get(word)
      if (found !== undefined) return found
      const id = this.vocabulary.idOf(word)
      const placed = id === 1 || hides(word)
      const made = placed ? this.vocabulary.size + (numbered(hidden++) % placeholderCount) : id
      known.set(word, made)
      return made
    }
    return { words, story: Int32Array.from(words, idOf), question: Int32Array.from(question, idOf) }
  }
}
