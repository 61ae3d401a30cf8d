"""A headless browser: renders pages, measures them, takes their pictures."""

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

_SWITCHES = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--allow-file-access-from-files",  # fonts lie in files, and so does the page
    "--host-resolver-rules=MAP * ~NOTFOUND",
)

_MEASURE = """
function luminance(c) {
  return [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const v = c[i] / 255;
    return sum + weight * (v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));
  }, 0);
}
function rgba(text) { const p = text.match(/[\\d.]+/g).map(Number); return p.length < 4 ? [...p, 1] : p; }
function ground(view, element) {
  for (let at = element; at; at = at.parentElement) {
    const c = rgba(view.getComputedStyle(at).backgroundColor);
    if (c[3] > 0.99) return c;
  }
  return [255, 255, 255, 1];
}
function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}
function measure(frame) {
  const page = frame.contentDocument, view = frame.contentWindow, root = page.documentElement;
  const wide = [], pale = [];
  for (const element of page.body.querySelectorAll('*')) {
    const style = view.getComputedStyle(element);
    if (!element.getClientRects().length || style.display === 'none') continue;
    const box = element.getBoundingClientRect();
    const inner = style.display !== 'inline' && element.clientWidth && element.scrollWidth > element.clientWidth + 1;
    if (box.height && (box.right > root.clientWidth + 0.5 || box.left < -0.5 || inner)) {
      wide.push(element.tagName + ': ' + element.textContent.trim().slice(0, 60));
    }
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.replace(/\\u00a0/g, ' ').trim());
    if (own && box.height > 1) {
      const ratio = contrast(rgba(style.color), ground(view, element));
      if (ratio < 4.5) pale.push(ratio.toFixed(2) + ' ' + element.textContent.trim().slice(0, 60));
    }
  }
  const images = [...page.images];
  const unloaded = [...page.fonts].filter(face => face.status !== 'loaded').map(face => face.family);
  return {
    unloaded, width: root.clientWidth, scroll: root.scrollWidth, height: page.body.scrollHeight, wide, pale,
    images: images.length, shown: images.filter(i => i.getClientRects().length).map(i => i.className),
    missing: images.filter(i => !i.complete || !i.naturalWidth).map(i => i.alt),
    background: view.getComputedStyle(page.body).backgroundColor,
  };
}
window.addEventListener('load', async () => {
  const results = {}, frames = document.querySelectorAll('iframe');
  for (const frame of frames) await Promise.allSettled([...frame.contentDocument.fonts].map(face => face.load()));
  for (const frame of frames) results[frame.id] = measure(frame);
  const pre = document.createElement('pre');
  pre.id = 'results';
  pre.textContent = JSON.stringify(results);
  document.body.replaceChildren(pre);
});
"""


def measured(pages: Mapping[str, str], widths: Sequence[int], *, dark: bool) -> dict[str, dict[str, Any]]:
    """Lay pages out at widths in CSS pixels; return measurements by "name width".

    Each has: width, scroll and height (of the whole page), wide (elements that stick out), pale (texts whose contrast
    is below 4.5), images (how many), shown (classes of those that are not hidden), missing
    (texts of the images that do not show), unloaded (families of the page's
    own fonts that did not load), background.
    """
    frames = "".join(
        f'<iframe id="{name} {width}" style="width:{width}px;height:100px;border:0" '
        f'srcdoc="{html.escape(page)}"></iframe>'
        for name, page in pages.items()
        for width in widths
    )
    wrapper = (
        "<!DOCTYPE html><html style='color-scheme: light dark'><meta charset='utf-8'>"
        f"<script>{_MEASURE}</script><body>{frames}</body></html>"
    )
    dom = _run(wrapper, ("--dump-dom", "--window-size=1200,1000", "--virtual-time-budget=60000"), dark=dark)
    found = re.search(r'<pre id="results">(.*?)</pre>', dom, re.DOTALL)
    assert found, f"the browser measured nothing: {dom[:500]}"
    results: dict[str, dict[str, Any]] = json.loads(html.unescape(found[1]))
    return results


def screenshot(page: str, target: Path, width: int, height: int, *, dark: bool = False) -> None:
    """Write a picture of the page's top left corner, width × height CSS pixels."""
    _run(page, (f"--screenshot={target}", f"--window-size={width},{height}"), dark=dark)


def _run(page: str, words: Sequence[str], *, dark: bool) -> str:
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        file = Path(directory) / "page.html"
        file.write_text(page, encoding="utf-8")
        switches = [*_SWITCHES, f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
        if os.geteuid() == 0:
            switches.append("--no-sandbox")  # the browser refuses to run as root with it
        return subprocess.run(
            [PROGRAM, *switches, f"--user-data-dir={directory}/profile", *words, file.as_uri()],
            check=True,
            capture_output=True,
            text=True,
            timeout=100,
        ).stdout
