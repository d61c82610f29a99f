import { describe, expect, it } from 'vitest'
import { lineCharts } from '../../src/pictures/lines.js'

const labels = (count: number) => Array.from({ length: count }, (_, at) => `a long name of line ${at}`)
const chart = (count: number, title = 'loss') =>
  lineCharts(
    [title, 'other'].map((name) => ({
      ...{ title: name, logarithmic: false },
      lines: labels(count).map((label) => ({ label, values: [1, 2, 3] })),
    })),
    [1, 2, 3],
    640,
  )

describe('the names of lines in a chart', () => {
  it.each([1, 3, 5, 12])('are all shown: %i', (count) => {
    const picture = chart(count)
    for (const label of labels(count)) expect(picture.split(`>${label}</text>`)).toHaveLength(3)
    const height = Number(/height="(\d+)"/.exec(picture)?.[1])
    for (const [, x, y] of picture.matchAll(/<text x="([\d.]+)" y="([\d.]+)">/g)) {
      expect(Number(x)).toBeLessThan(640)
      expect(Number(y)).toBeLessThan(height)
    }
  })

  it('do not lie over the title or each other', () => {
    const places = [
      ...chart(5, 'a title that is long enough to be in the way of names').matchAll(
        /<text x="([\d.]+)" y="([\d.]+)">a long/g,
      ),
    ]
    const seen = new Set(places.map(([, x, y]) => `${x} ${y}`))
    expect(seen.size).toBe(places.length)
  })
})
