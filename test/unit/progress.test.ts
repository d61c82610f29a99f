import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { lossView, reporter } from '../../src/cli/progress.js'

let written = ''

beforeEach(() => {
  written = ''
  vi.useFakeTimers({ toFake: ['performance'] })
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += text
    return true
  })
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('without a terminal', () => {
  it('a long epoch gives a line every ten seconds, and a short one only its own', () => {
    const terminal = process.stderr.isTTY
    process.stderr.isTTY = false
    try {
      const show = reporter(false, lossView('rows'))
      const epoch = (number: number) => ({ epoch: number, epochs: 2, loss: 0.5, seconds: 30, best: 1 })
      for (let done = 0; done <= 300; done++) {
        show.progress({ epoch: 1, epochs: 2, done, total: 300, loss: 1 })
        vi.advanceTimersByTime(100)
      }
      show.epoch(epoch(1))
      for (let done = 0; done <= 300; done += 100) show.progress({ epoch: 2, epochs: 2, done, total: 300, loss: 1 })
      show.epoch(epoch(2))
      show.close()
    } finally {
      process.stderr.isTTY = terminal
    }
    const lines = written.trim().split('\n')
    expect(lines).toHaveLength(5)
    expect(lines[0]).toBe('epoch 1/2  33%  loss 1.0000  10 rows/s  50 s left')
    expect(lines[1]).toBe('epoch 1/2  66%  loss 1.0000  10 rows/s  40 s left')
    expect(lines[2]).toMatch(/^epoch 1\/2 {2}100% {2}/)
    expect(lines[3]).toMatch(/^epoch 1\/2 {2}loss 0\.5000/)
    expect(lines[4]).toMatch(/^epoch 2\/2 {2}loss 0\.5000/)
  })
})
