"""What the clip shows and says, and when: the one place to change it.

The clip is read in segments of three seconds, so the telops are placed to make the borders matter: one ends where
the next begins (6.0 s), some cross one border or two, and the last text is shown twice with a pause over a border
(26.6 to 27.4 s), which must stay two telops.
"""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 960
HEIGHT = 540
FPS = 25
LENGTH_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Telop:
    """A burned-in text. Shown in [start_s, end_s). `intended` is what an editor would have written."""

    text: str
    start_s: float
    end_s: float
    intended: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A spoken sentence and when it begins."""

    text: str
    start_s: float
    voice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Which background is seen from when on. Names: see scenery.py."""

    name: str
    start_s: float


ANCHOR = "jf_alpha"
FORECASTER = "jm_kumo"

SCENES = (
    Scene(name="city", start_s=0.0),
    Scene(name="harbour", start_s=2.8),
    Scene(name="weather", start_s=15.7),
)

LINES = (
    Line(text="こんばんは。夕方のニュースです。", start_s=0.3, voice=ANCHOR),
    Line(text="港に架かる新しい橋が、きょう開通しました。", start_s=3.0, voice=ANCHOR),
    Line(text="渡り初めには、およそ三千人が参加しました。", start_s=6.6, voice=ANCHOR),
    Line(text="工事区域では、関係者以外の立ち入りは禁止されています。", start_s=11.0, voice=ANCHOR),
    Line(text="続いて天気です。あすは全国的に晴れるでしょう。", start_s=15.9, voice=FORECASTER),
    Line(text="東京の最高気温は、二十五度の予想です。", start_s=20.1, voice=FORECASTER),
    Line(text="週末は、各地で雨になりそうです。", start_s=23.8, voice=FORECASTER),
    Line(text="夕方のニュースでした。", start_s=27.3, voice=ANCHOR),
)

TELOPS = (
    Telop(text="夕方のニュース", start_s=0.4, end_s=2.6),
    Telop(text="港の新しい橋 きょう開通", start_s=3.2, end_s=6.0),
    Telop(text="渡り初めに3000人が参加", start_s=6.0, end_s=10.2),
    Telop(text="関係者意外の立ち入りは禁止", start_s=11.2, end_s=15.4, intended="関係者以外の立ち入りは禁止"),
    Telop(text="続いて天気です", start_s=15.9, end_s=17.2),
    Telop(text="あすは全国的に晴れ", start_s=17.4, end_s=19.8),
    Telop(text="東京の最高気温 25度", start_s=20.2, end_s=23.2),
    Telop(text="週末は各地で雨", start_s=23.8, end_s=26.6),
    Telop(text="週末は各地で雨", start_s=27.4, end_s=29.6),
)
