"""What of a page cannot be seen whole: wider than the window, or cut off by what it is in."""

from playwright.async_api import Page

LOOK = """() => {
  const window_ = document.documentElement.clientWidth;
  const found = [];
  const isForEars = (element) => {  // hidden on purpose, for who listens
    for (let each = element; each; each = each.parentElement) {
      if (getComputedStyle(each).clipPath === "inset(50%)") return true;
    }
    return false;
  };
  const name = (element) =>
    `${element.tagName} ${element.className}: ${element.textContent.trim().slice(0, 60)}`;
  for (const element of document.body.querySelectorAll(":not(svg *)")) {
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height || element.matches(".skip") || isForEars(element)) continue;
    if (box.left < -1 || box.right > window_ + 1) found.push(`out of the window: ${name(element)}`);
    const isField = element.matches("input, textarea");
    const cuts = getComputedStyle(element).overflowX !== "visible" && !isField;
    if (cuts && element.scrollWidth > element.clientWidth + 1) found.push(`cut: ${name(element)}`);
  }
  return found;
}"""


async def find_cut_content(page: Page) -> list[str]:
    """Each such element; what is hidden for all but screen readers is none."""
    found: list[str] = await page.evaluate(LOOK)
    return found
