import { randomSource } from '../../src/tasks/shared/split.js'

/** Sentences of a made-up language: each word is followed by one of two others. */
export function languageOf(count: number, seed: number): string[] {
  const next: Readonly<Record<string, readonly [string, string]>> = {
    the: ['cat', 'dog'],
    cat: ['sees', 'likes'],
    dog: ['chases', 'likes'],
    sees: ['the', 'nothing'],
    likes: ['the', 'nothing'],
    chases: ['the', 'nothing'],
    nothing: ['and', 'but'],
    and: ['the', 'the'],
    but: ['the', 'the'],
  }
  const random = randomSource(seed)
  const coin = () => (random() < 0.5 ? 0 : 1)
  return Array.from({ length: count }, () => {
    const words = ['the']
    while (words.length < 18) words.push(next[words.at(-1) as string]?.[coin()] as string)
    return words.slice(0, 12 + 3 * coin() + 3 * coin()).join(' ')
  })
}
