const SHORT = 60
const HANDING_ON_MS = 100

const written = (seconds) => {
  const whole = Math.max(0, Math.ceil(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`
}

// Called anew whenever the server says how much is left; what was said of a deadline is said once.
export default function ({ parentElement, data, setTriggerValue }) {
  const place = parentElement.querySelector(".countdown")
  const told = parentElement.querySelector(".told")
  const end = performance.now() + data.left * 1000
  clearInterval(place.timer)
  if (place.deadline !== data.deadline) {
    place.deadline = data.deadline
    place.announced = place.over = false
    place.replaceChildren(...["label", "left"].map((name) => {
      const part = document.createElement("span")
      part.className = name
      return part
    }))
  }
  place.firstChild.textContent = data.label
  const background = getComputedStyle(place).getPropertyValue("--st-background-color").trim()
  place.classList.toggle("dark", /^#[0-4]/.test(background))

  const draw = () => {
    const seconds = (end - performance.now()) / 1000
    place.lastChild.textContent = written(seconds)
    place.classList.toggle("short", seconds <= SHORT)
    if (seconds <= SHORT && seconds > 0 && !place.announced) {
      place.announced = true
      told.textContent = `${Math.ceil(seconds)} seconds left`
    }
    if (seconds <= 0 && !place.over) {
      place.over = true
      clearInterval(place.timer)
      // A box hands on what is typed in it when it is left: first that, then the word that the time is up.
      document.activeElement?.blur()
      setTimeout(() => setTriggerValue("over", true), HANDING_ON_MS)
    }
  }
  place.timer = setInterval(draw, 250)
  draw()
  return () => clearInterval(place.timer)
}
