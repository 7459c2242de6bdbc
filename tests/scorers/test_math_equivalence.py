"""Every class of answers, right and wrong: one table, `gold | answer | T or F`, judged through the scorer."""

import itertools

import pytest

from harness.records import Answer
from harness.scorers import math as scorer
from harness.specs import SandboxSpec

TABLE = r"""
# fractions
\frac{2}{5} | \cfrac{2}{5} | T
\frac{2}{5} | 2/5 | T
\frac{2}{5} | 0.4 | T
\frac{2}{5} | .4 | T
\frac{2}{5} | 40\% | T
\frac{2}{5} | \frac25 | T
\frac{2}{5} | \frac 25 | T
\frac{2}{5} | \frac{4}{10} | T
\frac{2}{5} | \frac{-2}{-5} | T
\frac{2}{5} | 2 \div 5 | T
\frac{2}{5} | \left(\frac{2}{5}\right) | T
\frac{2}{5} | {2 \over 5} | T
\frac{2}{5} | \frac{5}{2} | F
\frac{2}{5} | 25 | F
\frac{2}{5} | 2.5 | F
\frac{2}{5} | 0.25 | F
\frac{2}{5} | -\frac{2}{5} | F
\frac{2}{5} | \frac{2}{15} | F
\frac{2}{3} | 0.\overline{6} | T
\frac{2}{3} | 0.666... | T
\frac{2}{3} | 0.6 | F
\frac{2}{3} | 0.67 | F
\frac{2}{3} | 0.66666667 | T
-\frac{7}{4} | -1.75 | T
-\frac{7}{4} | -1\frac{3}{4} | T
-\frac{7}{4} | \frac{7}{-4} | T
-\frac{7}{4} | -7/4 | T
-\frac{7}{4} | −7/4 | T
-\frac{7}{4} | - \frac{7}{4} | T
-\frac{7}{4} | 1.75 | F
-\frac{7}{4} | -\frac{4}{7} | F
\frac{a+b}{c} | \frac{a}{c}+\frac{b}{c} | T
\frac{a+b}{c} | (a+b)/c | T
\frac{a+b}{c} | a+b/c | F
\frac{a+b}{c} | \frac{b+a}{c} | T
12 | \frac{24}{2} | T
12 | 24/2 | T
12 | \frac{1}{12} | F
# decimals
1.5 | 1.50 | T
1.5 | 3/2 | T
1.5 | 1\frac{1}{2} | T
1.5 | 1 1/2 | T
1.5 | 1½ | T
1.5 | 15 | F
1.5 | 1.05 | F
1.5 | 1,5 | T
0.05 | 5\% | T
0.05 | .05 | T
0.05 | 5 \times 10^{-2} | T
0.05 | 5e-2 | T
0.05 | 0.5 | F
7.0 | 7 | T
# thousands separators
123456 | 123,456 | T
123456 | 123{,}456 | T
123456 | 123\,456 | T
123456 | 123 456 | T
123456 | 123\ 456 | T
123456 | 123,\!456 | T
123456 | 123.456 | F
123456 | 123 | F
123456 | 123,45 | F
2,500 | 2500 | T
2,500 | 2.5 \times 10^3 | T
2,500 | 2.5 thousand | T
2,500 | 25 | F
2,500 | 2.5 | F
2,500 | 2,5 | F
3,000,000 | 3 million | T
3,000,000 | 3 \text{ million} | T
3,000,000 | 3\times10^6 | T
3,000,000 | 3 | F
# mixed numbers
\frac{11}{3} | 3\frac{2}{3} | T
\frac{11}{3} | 3 2/3 | T
\frac{11}{3} | 3\tfrac23 | T
\frac{11}{3} | 3 \cdot \frac{2}{3} | F
\frac{11}{3} | \frac{32}{3} | F
5\frac{1}{2} | 5.5 | T
5\frac{1}{2} | 11/2 | T
5\frac{1}{2} | 5/2 | F
5\frac{1}{2} | 51/2 | F
-2\frac{1}{4} | -2.25 | T
-2\frac{1}{4} | -9/4 | T
-2\frac{1}{4} | -1.75 | F
# currency
25 | \$25 | T
25 | $25.00 | T
25 | 25 USD | T
25 | £25 | T
25 | 25 euros | T
25 | 25€ | T
25 | \text{\$}25 | T
25 | US\$25 | T
25 | -\$25 | F
25 | \$2.5 | F
25 | \$25{,}000 | F
-25 | -\$25 | T
-25 | \$-25 | T
\$18.90 | 18.90 | T
\$18.90 | 18.9 | T
\$18.90 | \$18.9 | T
\$18.90 | 18.09 | F
1,200 | $1,200.00 | T
# percent
30 | 30\% | T
30 | 30 percent | T
30 | 30\text{ percent} | T
30 | 30 \% | T
30 | 3\% | F
30 | 300\% | F
10\% | 10 | T
10\% | 10% | T
10\% | 0.1 | T
10\% | 0.10 | T
10\% | \frac{1}{10} | T
10\% | 1 | F
10\% | 0.01 | F
# units
8 | 8\text{ km} | T
8 | 8 kilometers | T
8 | 8\,\mathrm{kg} | T
8 | 8 \text{ oranges} | T
8 | 8\text{ m}^2 | T
8 | 8\text{ square meters} | T
8 | 8 cm^3 | T
8 | 8\ \mathrm{m}^{2} | T
8 | 8\text{ km/h} | T
8 | 8 \frac{\text{m}}{\text{s}} | T
8 | 8\ \text{m}\cdot\text{s}^{-1} | T
8 | 8 years old | T
8 | 8 hours per day | T
8 | 80 \text{ km} | F
8 | 0.8 \text{ km} | F
8 | 8^2 | F
8 | 8k | F
8 | 8x | F
8 | 8n | F
12\text{ cm} | 12 | T
12\text{ cm} | 12\text{cm} | T
12\text{ cm} | 12 \text{ centimetres} | T
12\text{ cm} | 12 \mathrm{cm} | T
12\text{ cm} | 120 | F
12\text{ cm} | 21 cm | F
12\text{ cm} | 120 mm | T
864 \mbox{ inches}^2 | 864 | T
864 \mbox{ inches}^2 | 864 square inches | T
864 \mbox{ inches}^2 | 864 \text{ in}^2 | T
864 \mbox{ inches}^2 | 864^2 | F
15\mbox{ cm}^2 | 15 \text{ cm}^{2} | T
5.4 \text{ cents} | 5.4 | T
5.4 \text{ cents} | 5.4 \text{ cents} | T
5.4 \text{ cents} | 5.4¢ | T
\frac{270}7\text{ degrees} | \frac{270}{7} | T
\frac{270}7\text{ degrees} | \frac{270}{7}^\circ | T
\frac{270}7\text{ degrees} | 38\frac{4}{7} | T
3:00 pm | 3:00 PM | T
5am | 5 a.m. | T
# degrees
45^\circ | 45 | T
45^\circ | 45^{\circ} | T
45^\circ | 45 degrees | T
45^\circ | 45\text{°} | T
45^\circ | 45 \text{ deg} | T
45^\circ | 4.5 | F
45^\circ | 54 | F
45^\circ | 45^0 | F
\frac{\pi}{4} | 0.25\pi | T
\frac{\pi}{4} | π/4 | T
\frac{\pi}{4} | \frac{2\pi}{8} | T
\frac{\pi}{4} | 45 | F
\frac{\pi}{4} | \frac{4}{\pi} | F
\frac{\pi}{4} | \frac{\pi}{2} | F
# scientific notation
3.2 \times 10^{5} | 3.2e5 | T
3.2 \times 10^{5} | 320000 | T
3.2 \times 10^{5} | 320,000 | T
3.2 \times 10^{5} | 3.2 \cdot 10^5 | T
3.2 \times 10^{5} | 3.2×10⁵ | T
3.2 \times 10^{5} | 32 \times 10^4 | T
3.2 \times 10^{5} | 3.2E+05 | T
3.2 \times 10^{5} | 3.2 * 10^5 | T
3.2 \times 10^{5} | 3.2*10**5 | T
3.2 \times 10^{5} | 3.2 \times 10^{-5} | F
3.2 \times 10^{5} | 3.2 \times 10^{6} | F
3.2 \times 10^{5} | 3.2 | F
6.63e-34 | 6.63 \times 10^{-34} | T
6.63e-34 | 6.63 \times 10^{-34} \text{ J s} | T
6.63e-34 | 6.63 \times 10^{34} | F
1e-5 | 10^{-5} | T
1e-5 | 0.00001 | T
1e-5 | 1e5 | F
# intervals
[0,5) | [0, 5) | T
[0,5) | \left[0,5\right) | T
[0,5) | 0 \le x < 5 | T
[0,5) | x \in [0,5) | T
[0,5) | 0\leq x<5 | T
[0,5) | 5 > x \ge 0 | T
[0,5) | (0,5) | F
[0,5) | [0,5] | F
[0,5) | 0 < x < 5 | F
[0,5) | [0,\frac{10}{2}) | T
[0,5) | [5,0) | F
(2,\infty) | x>2 | T
(2,\infty) | (2, +\infty) | T
(2,\infty) | (2,∞) | T
(2,\infty) | x \in (2,\infty) | T
(2,\infty) | 2<x | T
(2,\infty) | \{x | x>2\} | T
(2,\infty) | \{x \mid x > 2\} | T
(2,\infty) | \{x : x > 2\} | T
(2,\infty) | [2,\infty) | F
(2,\infty) | x \geq 2 | F
(2,\infty) | (-2,\infty) | F
(2,\infty) | (-\infty,2) | F
(-\infty,-1]\cup[4,\infty) | x \le -1 \text{ or } x \ge 4 | T
(-\infty,-1]\cup[4,\infty) | [4,\infty) \cup (-\infty,-1] | T
(-\infty,-1]\cup[4,\infty) | x\leq -1, x\geq 4 | T
(-\infty,-1]\cup[4,\infty) | [-1,4] | F
(-\infty,-1]\cup[4,\infty) | (-\infty,-1)\cup(4,\infty) | F
(-\infty,-1]\cup[4,\infty) | (-\infty,-1] | F
(-\infty,-1]\cup[4,\infty) | (-\infty,-1] \text{ and } [4,\infty) | T
(-\sqrt{3}, \sqrt{3}) | -\sqrt{3} < x < \sqrt{3} | T
(-\sqrt{3}, \sqrt{3}) | |x| < \sqrt{3} | T
(-\sqrt{3}, \sqrt{3}) | (-3,3) | F
(-\infty, 2) \cup (3, \infty) | \mathbb{R} \setminus [2,3] | T
\left[ \frac{\pi^2}{8}, \frac{5 \pi^2}{4} \right] | [\pi^2/8, 5\pi^2/4] | T
\mathbb{R} | (-\infty,\infty) | T
\mathbb{R} | \text{all real numbers} | T
\mathbb{R} | all real numbers | T
\mathbb{R} | \mathbb{R} | T
\mathbb{R} | \mathbb{Z} | F
\mathbb{R} | x \in \mathbb{R} | T
# inequalities
x<-1 | x < -1 | T
x<-1 | -1 > x | T
x<-1 | (-\infty,-1) | T
x<-1 | 2x < -2 | T
x<-1 | -x > 1 | T
x<-1 | x+1<0 | T
x<-1 | x>-1 | F
x<-1 | x \le -1 | F
x<-1 | -1 | F
x<-1 | x<1 | F
x \ge 5 | x\geqslant 5 | T
x \ge 5 | x >= 5 | T
x \ge 5 | [5,\infty) | T
x \ge 5 | x ≥ 5 | T
x \ge 5 | 5 | F
x \ge 5 | x=5 | F
-2 \le x \le 7 | [-2,7] | T
x \in [-2,7] | [-2,7] | T
x \in [-2,7] | -2 \le x \le 7 | T
x \in [-2,7] | (-2,7) | F
x \neq 0 | x\ne0 | T
x \neq 0 | x \not= 0 | T
x \neq 0 | x != 0 | T
x \neq 0 | (-\infty,0)\cup(0,\infty) | T
x \neq 0 | \mathbb{R} \setminus \{0\} | T
x \neq 0 | x>0 | F
x \neq 0 | 0 | F
# sets
\{2,4,6\} | \{6,4,2\} | T
\{2,4,6\} | 2,4,6 | T
\{2,4,6\} | {2,4,6} | T
\{2,4,6\} | \lbrace 2, 4, 6 \rbrace | T
\{2,4,6\} | \left\{ 2,4,6 \right\} | T
\{2,4,6\} | 2, 4, \text{ and } 6 | T
\{2,4,6\} | x \in \{2,4,6\} | T
\{2,4,6\} | \{2,4\} | F
\{2,4,6\} | \{2,4,8\} | F
\{2,4,6\} | \{2,4,6,8\} | F
\{2,4,6\} | 246 | F
\{2,4,6\} | 2 | F
\{1\pm\sqrt{5},-2\} | \{-2, 1+\sqrt5, 1-\sqrt5\} | T
\{1\pm\sqrt{5},-2\} | -2, 1 \pm \sqrt{5} | T
\{1\pm\sqrt{5},-2\} | 1 \pm \sqrt{5} | F
\emptyset | \{ \} | T
\emptyset | \text{No solution} | T
\emptyset | no solutions | T
\emptyset | ∅ | T
\emptyset | \text{empty set} | T
\emptyset | 0 | F
\emptyset | \text{none} | T
# lists
-1,3 | 3, -1 | T
-1,3 | -1 \text{ and } 3 | T
-1,3 | x=-1 \text{ or } x=3 | T
-1,3 | x = -1, 3 | T
-1,3 | x=-1, x=3 | T
-1,3 | \{-1,3\} | T
-1,3 | x_1=-1, x_2=3 | T
-1,3 | -1, 3, 3 | F
-1,3 | 1, 3 | F
-1,3 | -1 | F
-1,3 | -13 | F
-1,3 | -1.3 | F
3, 5, 7 | 3,5,7 | T
3, 5, 7 | 7, 5, and 3 | T
3, 5, 7 | 3; 5; 7 | T
3, 5, 7 | 357 | F
3, 5, 7 | 3, 5 | F
2,3 or 5 | 2, 3, 5 | T
# tuples
(3,-4) | (3, -4) | T
(3,-4) | \left(3,-4\right) | T
(3,-4) | (x,y) = (3,-4) | T
(3,-4) | x=3, y=-4 | T
(3,-4) | (3.0,-4.0) | T
(3,-4) | \langle 3,-4 \rangle | T
(3,-4) | (-4,3) | F
(3,-4) | (3,4) | F
(3,-4) | (3,-4,0) | F
(3,-4) | -4 | F
(3,-4) | 3-4 | F
(3,-4) | [3,-4] | F
\left( \frac{3}{2}, -13 \right) | (1.5,-13) | T
\left( \frac{3}{2}, -13 \right) | (3/2, -13) | T
\left( \frac{3}{2}, -13 \right) | \left(1\frac12,-13\right) | T
\left( \frac{3}{2}, -13 \right) | (2/3,-13) | F
(1,2),(3,4) | (3,4),(1,2) | T
(1,2),(3,4) | (1,2) \text{ and } (3,4) | T
(1,2),(3,4) | \{(1,2),(3,4)\} | T
(1,2),(3,4) | (x,y)=(1,2) \text{ or } (x,y)=(3,4) | T
(1,2),(3,4) | (2,1),(3,4) | F
(1,2),(3,4) | (1,2) | F
(1,2),(3,4) | 1,2,3,4 | F
# matrices
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} | \begin{bmatrix}1&2\\3&4\end{bmatrix} | T
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} | \begin{pmatrix}1 & 2\\ 3 & 4 \\ \end{pmatrix} | T
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} | \left(\begin{array}{cc}1&2\\3&4\end{array}\right) | T
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} | \begin{pmatrix}1&3\\2&4\end{pmatrix} | F
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} | \begin{pmatrix}1&2\\3&5\end{pmatrix} | F
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} | \begin{pmatrix}1&2&3&4\end{pmatrix} | F
\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix} | \begin{pmatrix} -\frac{1}{3} \\ \frac{2}{3} \\ \frac{5}{3} \end{pmatrix} | T
\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix} | \begin{pmatrix} -\dfrac{1}{3} \\[4pt] \dfrac{2}{3} \\[4pt] \dfrac{5}{3} \end{pmatrix} | T
\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix} | \frac{1}{3}\begin{pmatrix} -1 \\ 2 \\ 5 \end{pmatrix} | T
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} | [[1,2],[3,4]] | T
# plus-minus
1 \pm \sqrt{19} | 1+\sqrt{19}, 1-\sqrt{19} | T
1 \pm \sqrt{19} | 1-\sqrt{19} \text{ and } 1+\sqrt{19} | T
1 \pm \sqrt{19} | x = 1 \pm \sqrt{19} | T
1 \pm \sqrt{19} | \{1 + \sqrt{19}, 1 - \sqrt{19}\} | T
1 \pm \sqrt{19} | 1 ± √19 | T
1 \pm \sqrt{19} | \frac{2\pm\sqrt{76}}{2} | T
1 \pm \sqrt{19} | 1 + \sqrt{19} | F
1 \pm \sqrt{19} | \pm \sqrt{19} | F
1 \pm \sqrt{19} | 1 \pm \sqrt{18} | F
1 \pm \sqrt{19} | x = 1+\sqrt{19} \text{ or } x = 1-\sqrt{19} | T
\pm 2 | 2, -2 | T
\pm 2 | \pm2 | T
\pm 2 | 2 | F
\pm 2 | -2 \text{ or } 2 | T
1 \pm i | 1+i, 1-i | T
# bases
204_5 | 204_{5} | T
204_5 | 204_{\text{five}} | T
204_5 | 204_{(5)} | T
204_5 | (204)_5 | T
204_5 | 204_6 | F
204_5 | 54 | F
204_5 | 204_{10} | F
204_5 | 205_5 | F
204_5 | \text{204}_5 | T
204_5 | 204 \text{ base } 5 | T
204_5 | 204 (base 5) | T
4210_{5} | 4210_{\text{base }5} | T
# symbolic equality
\frac{3\sqrt{2}}{2} | \frac{3}{\sqrt{2}} | T
\frac{3\sqrt{2}}{2} | 1.5\sqrt{2} | T
\frac{3\sqrt{2}}{2} | \sqrt{4.5} | T
\frac{3\sqrt{2}}{2} | \frac{3}{2}\sqrt2 | T
\frac{3\sqrt{2}}{2} | 3\sqrt{2}/2 | T
\frac{3\sqrt{2}}{2} | 3√2/2 | T
\frac{3\sqrt{2}}{2} | 3*sqrt(2)/2 | T
\frac{3\sqrt{2}}{2} | 2.1213203 | T
\frac{3\sqrt{2}}{2} | 2.12 | F
\frac{3\sqrt{2}}{2} | \frac{2\sqrt{3}}{2} | F
\frac{3\sqrt{2}}{2} | 3\sqrt{2} | F
3\sqrt{13} | \sqrt{117} | T
3\sqrt{13} | 3\sqrt{3} | F
3\sqrt{13} | 3 \times \sqrt{13} | T
3\sqrt{13} | 3 \cdot 13^{1/2} | T
3\sqrt{13} | 3 * 13^(1/2) | T
x^3+3x-6 | 3x + x^3 - 6 | T
x^3+3x-6 | x^3+3x+6 | F
x^3+3x-6 | p(x) = x^3+3x-6 | T
x^3+3x-6 | x**3+3*x-6 | T
x^3+3x-6 | x(x^2+3)-6 | T
(a+5)(b+2) | ab+2a+5b+10 | T
(a+5)(b+2) | (b+2)(a+5) | T
(a+5)(b+2) | (a+2)(b+5) | F
\cot x | \frac{1}{\tan x} | T
\cot x | \frac{\cos x}{\sin x} | T
\cot x | \cot(x) | T
\cot x | \tan x | F
\sin 2x | 2\sin x\cos x | T
\sin 2x | 2 \sin x | F
\cos^2 x | 1-\sin^2 x | T
\cos^2 x | (\cos x)^2 | T
\cos^2 x | \cos(x^2) | F
\log_2 3 | \frac{\ln 3}{\ln 2} | T
\log_2 3 | \log_3 2 | F
\log_2 3 | \log_2(3) | T
\ln 6 | \ln 2 + \ln 3 | T
\ln 6 | \ln 5 | F
e^2 | \exp(2) | T
e^2 | e^{2} | T
e^2 | 2e | F
e^2 | 7.389056 | T
2^{8} | 256 | T
2^{8} | 16^2 | T
2^{8} | 28 | F
7! | 5040 | T
7! | 7 | F
\binom{6}{3} | 20 | T
\binom{6}{3} | \dbinom{6}{3} | T
\binom{6}{3} | {6 \choose 3} | T
\binom{6}{3} | \frac{6!}{3!3!} | T
\binom{6}{3} | C(6,3) | T
\binom{6}{3} | 2 | F
6 - 5i | 6-5i | T
6 - 5i | -5i+6 | T
6 - 5i | 6+5i | F
6 - 5i | 1 | F
1+274i | 1 + 274 i | T
1+274i | 274i+1 | T
p - q | p-q | T
p - q | q-p | F
p - q | -(q-p) | T
3R^2 | 3R^{2} | T
3R^2 | 3r^2 | F
3R^2 | 3 R^2 | T
8n^2 + 4n + 1 | 1+4n+8n^2 | T
8n^2 + 4n + 1 | 8n^2+4n | F
\sqrt{x} | x^{1/2} | T
\sqrt{x} | x^{0.5} | T
\sqrt{x} | x^2 | F
|x| | \sqrt{x^2} | T
|x| | x | F
\left|x-1\right| | |1-x| | T
\lfloor 2.7 \rfloor | 2 | T
\lceil 2.1 \rceil | 3 | T
\frac{1}{1-x} | -\frac{1}{x-1} | T
\frac{1}{1-x} | \frac{1}{x-1} | F
2^{n+1} | 2 \cdot 2^n | T
2^{n+1} | 2^n+1 | F
a^{m+n} | a^m a^n | T
(-1)^n | (-1)^{n} | T
(-1)^n | (-1)^{n+2} | T
(-1)^n | (-1)^{n+1} | F
\frac{n!}{(n-2)!} | n(n-1) | T
\sqrt[3]{16} | 2\sqrt[3]{2} | T
\sqrt[3]{16} | 16^{1/3} | T
\sqrt[3]{16} | \sqrt{16} | F
\arctan 2 | \tan^{-1}(2) | T
\arctan 2 | \tan^{-1} 2 | T
\arctan 2 | \frac{1}{\tan 2} | F
x\sqrt{y} | \sqrt{y}x | T
\frac{20000}{\pi} | 20000/\pi | T
\frac{20000}{\pi} | 6366.19772 | T
18+2\pi | 2\pi+18 | T
18+2\pi | 2(9+\pi) | T
18+2\pi | 20\pi | F
5x - 7y + 11z + 4 = 0 | 5x-7y+11z=-4 | T
5x - 7y + 11z + 4 = 0 | -5x+7y-11z-4=0 | T
5x - 7y + 11z + 4 = 0 | 5x-7y+11z-4=0 | F
5x - 7y + 11z + 4 = 0 | 5x-7y+11z+4 | F
y = -2x | y=-2x | T
y = -2x | -2x | T
y = -2x | y+2x=0 | T
y = -2x | 2x | F
y = -2x | y=2x | F
x=5 | 5 | T
x=5 | x = 5 | T
x=5 | y=5 | F
x=5 | x=-5 | F
x=5 | 5=x | T
f(x)=2x | 2x | T
f(x)=2x | f(x) = 2x | T
f(x)=2x | y=2x | T
f(x)=2x | f(t)=2t | T
f(x)=2x | f(x)=x^2 | F
\frac{x^2}{4}+\frac{y^2}{9}=1 | 9x^2+4y^2=36 | T
\frac{x^2}{4}+\frac{y^2}{9}=1 | \frac{y^2}{9}+\frac{x^2}{4}=1 | T
\frac{x^2}{4}+\frac{y^2}{9}=1 | \frac{x^2}{9}+\frac{y^2}{4}=1 | F
\frac{x^2}{4}+\frac{y^2}{9}=1 | \frac{x^2}{2}+\frac{y^2}{3}=1 | F
a=1,b=2,c=3 | c=3, b=2, a=1 | T
a=1,b=2,c=3 | a=1,b=3,c=2 | F
a=1,b=2 | (1,2) | T
a=1,b=2 | a=1 | F
# text
\text{east} | east | T
\text{east} | East | T
\text{east} | \text{east} | T
\text{east} | west | F
\text{east} | seat | F
\text{Evelyn} | Evelyn | T
\text{Evelyn} | \textbf{Evelyn} | T
\text{Evelyn} | Evelyn's | F
\text{Evelyn} | Navin | F
\text{ellipse} | an ellipse | T
\text{ellipse} | Ellipse | T
\text{ellipse} | hyperbola | F
\text{even} | odd | F
\text{even} | \mathrm{even} | T
\text{(B)} | B | T
\text{(B)} | (B) | T
\text{(B)} | \text{B} | T
\text{(B)} | (b) | T
\text{(B)} | B) 12 | T
\text{(B)} | C | F
\text{(B)} | \textbf{(B)} | T
\text{(B)} | \textbf{(B)}\ 12 | T
A | \text{A} | T
A | B | F
\text{Yes} | yes | T
\text{Yes} | no | F
\text{True} | true | T
\text{Monday} | Monday | T
\text{undefined} | undefined | T
\text{undefined} | 0 | F
# unicode
17 | １７ | T
17 | ١٧ | T
17 | १७ | T
17 | 𝟏𝟕 | T
17 | ①⑦ | T
17 | ７１ | F
\frac{3}{4} | ¾ | T
\frac{3}{4} | 3⁄4 | T
\frac{3}{4} | 3∕4 | T
\frac{3}{4} | ⅓ | F
x^3 | x³ | T
x^3 | 𝑥³ | T
x^3 | x3 | F
x^{10} | x¹⁰ | T
x_1 | x₁ | T
\sqrt{7} | √7 | T
\sqrt{7} | √(7) | T
\theta | θ | T
\theta | ϑ | T
\infty | ∞ | T
\infty | -∞ | F
\infty | infinity | T
\infty | \text{infinity} | T
2\pi | 2π | T
2\pi | 𝟐𝝅 | T
x \ge 2 | x ≥ 2 | T
3\times 4 | 3×4 | T
3\times 4 | 12 | T
-7 | −7 | T
-7 | –7 | T
-7 | －7 | T
-7 | 7 | F
# precision
1000000007 | 1000000007 | T
1000000007 | 1000000008 | F
1000000007 | 1.000000007 \times 10^9 | T
1000000007 | 10^9+7 | T
1000000007 | 10^9 | F
1000000007 | 1000000007.0 | T
1000000007 | 1000000007.1 | F
3.14159 | 3.14159 | T
3.14159 | 3.1416 | F
3.14159 | 3.1415 | F
0.1 | 0.10000000000000001 | F
0.1 | 0.1000 | T
12345678910 | 1.234567891e10 | T
12345678910 | 1.2345678e10 | F
# traps
15 | 1 5 | F
15 | 1, 5 | F
15 | 1.5 | F
15 | 51 | F
15 | 15x | F
15 | x=15 | T
15 | x+15 | F
15 | 15 or 16 | F
15 | 15, 16 | F
15 | \{15,16\} | F
15 | 15 + C | F
15 | >15 | F
15 | 15=16 | F
15 | 16=15 | F
15 | 10+5 | T
15 | 10+5=15 | T
15 | 3*5 | T
15 | -15 | F
15 | \text{fifteen} | T
15 | fifteen | T
15 | \text{not } 15 | F
15 | \approx 15 | T
15 | 15... | F
15 | 15! | F
15 | 15\% | T
15 | nan | F
15 | inf | F
15 | \infty | F
15 | () | F
15 | \text{} | F
15 | ? | F
15 | \boxed{15} | T
15 | \mathbf{15} | T
15 | \textbf{15} | T
15 | **15** | T
15 | \underline{15} | T
15 | \color{red}{15} | T
15 | \color{red}15 | T
15 | {15} | T
15 | ((15)) | T
15 | 15. | T
15 | 15.\, | T
15 | +15 | T
15 | 015 | T
15 | 15.000 | T
15 | 1\!5 | F
0 | -0 | T
0 | 0.0 | T
0 | \emptyset | F
0 | O | F
0 | none | F
1 | i | F
1 | I | F
1 | l | F
2 | \frac{2}{} | F
2 | 2/0 | F
n | N | F
n | n | T
n | 2n/2 | T
xy | yx | T
xy | x+y | F
xy | x^y | F
AB | BA | F
# further spellings
y=2x+1 | 2x + 1 = y | T
y=2x+1 | f(x)=2x+1 | T
y=2x+1 | y=\frac{4x+2}{2} | T
y=2x+1 | 2x+1=0 | F
x^2+y^2=25 | x^2+y^2-25 | F
x^2+y^2=25 | \frac{x^2}{25}+\frac{y^2}{25}=1 | T
f(x)=x^2-1 | y=x^2-1 | T
f(x)=x^2-1 | f(x)=1-x^2 | F
x=1,y=2 | (x,y)=(1,2) | T
x=1,y=2 | x = 1, \quad y = 2 | T
x=1,y=2 | x=1;y=2 | T
x=1,y=2 | y=2 \text{ and } x=1 | T
x=1,y=2 | x=1 | F
x=1,y=2 | 1,2 | T
x=1,y=2 | 2,1 | F
3\times4=12 | 4\times3=12 | T
(1,10^{400})\cup(10^{500},\infty) | (10^{500},\infty)\cup(1,10^{400}) | T
x=1,y=2 | x=1,y=3 | F
4210_{5} | (4210)_5 | T
4210_{5} | 4210_{(5)} | T
4210_{5} | 4211_5 | F
11111_2 | 11111_{\text{two}} | T
11111_2 | 1111_2 | F
5 | \begin{aligned}5\end{aligned} | T
5 | \text{5} | T
5 | $5$ | T
5 | \left(5\right) | T
5 | x=5 \text{ cm} | T
3 | \text{either } 3 \text{ or } 4 | F
3 | 3, \text{ maybe } 4 | F
3 | 3\pm1 | F
3 | 3? | F
18 | 18$ | T
18 | \$ 18 | T
18 | 18.00 dollars | T
18 | Rs. 18 | T
18 | \text{\$18} | T
18 | 18\$ | T
18 | ¥18 | T
18 | \$18 \text{ per day} | T
18 | \$18/\text{day} | T
18 | $18/day | T
1,500 | 1500 dollars | T
1,500 | \$1,500.0 | T
1,500 | 1,500.50 | F
3.14 | \frac{157}{50} | T
3.14 | 314\% | T
3.14 | 3.1400001 | F
90^\circ | 90^o | T
90^\circ | 90^{o} | T
90^\circ | \angle ABC = 90^\circ | T
\frac{\pi}{3} | 60^\circ | T
x>3 | x\gt3 | T
x>3 | x \in (3,\infty) | T
x>3 | x-3>0 | T
x>3 | \{x \mid x>3\} | T
x>3 | \{x \in \mathbb{R} : x > 3\} | T
x>3 | x>3 \text{ or } x<-3 | F
x \neq 2 | x≠2 | T
x \neq 2 | x<2 \text{ or } x>2 | T
x \neq 2 | all real numbers except 2 | T
x \neq 2 | \text{all real numbers except } 2 | T
x \neq 2 | x \in \mathbb{R}, x \neq 2 | T
x \neq 2 | \mathbb{R} - \{2\} | T
x \neq 2 | \mathbb{R}\backslash\{2\} | T
x \neq 2 | \{x \in \mathbb{R} : x \ne 2\} | T
x \neq 2 | x \neq -2 | F
x \neq 2 | \mathbb{R} | F
(-\infty,3] | ]-\infty,3] | T
(-\infty,3] | ]-\infty,3[ | F
(-\infty,3] | 3 \ge x | T
(-\infty,3] | \{x | x \le 3\} | T
(-\infty,2)\cup(3,\infty) | (-\infty,2),(3,\infty) | T
(-\infty,2)\cup(3,\infty) | x<2 \text{ and } x>3 | F
(-\infty,2)\cup(3,\infty) | x>3 \text{ or } x<2 | T
(-\infty,2)\cup(3,\infty) | (x-2)(x-3)>0 | T
(-\infty,2)\cup(3,\infty) | x \in (-\infty,2)\cup(3,\infty) | T
1,2 | 1 or 2 | T
1,2 | [1,2] | T
1,2 | 1; 2 | T
1,2 | x_1=1,x_2=2 | T
1,2 | 1 2 | F
1,2 | 2 \text{ and } 1 | T
1,2 | 1, 2. | T
\frac{7}{2} | 3½ | T
\frac{7}{2} | 3+\frac12 | T
\frac{7}{2} | 3\ 1/2 | T
-\sqrt{5} | -√5 | T
-\sqrt{5} | -\sqrt5 | T
-\sqrt{5} | \sqrt{5}\cdot(-1) | T
-\sqrt{5} | -5 | F
-\sqrt{5} | -sqrt(5) | T
-\sqrt{5} | -2.2360679775 | T
25 | 25 per cent | T
25 | twenty-five | T
2 \pm \sqrt{3} | 2 +/- \sqrt{3} | T
2 \pm \sqrt{3} | 2 \mp \sqrt3 | T
2 \pm \sqrt{3} | 2±√3 | T
2 \pm \sqrt{3} | 2 \pm 3^{1/2} | T
2 \pm \sqrt{3} | 2 + \sqrt{3} \text{ or } 2 - \sqrt{3} | T
2 \pm \sqrt{3} | 2 \pm \sqrt{2} | F
2 \pm \sqrt{3} | 2+\sqrt3, 2+\sqrt3 | F
70000 | 7e4 | T
70000 | 7\times10^4 | T
6.022e23 | 6.022E23 | T
6.022e23 | 6.022 * 10^23 | T
6.022e23 | 6.022e+23 | T
6.022e23 | 602200000000000000000000 | T
6.022e23 | 6.02e23 | F
6.022e23 | 6.022 \times 10^{-23} | F
\{1,2,3\} | \{1,2,2,3\} | T
\{1,2,3\} | 1, 2, and 3 | T
\{1,2,3\} | \{1;2;3\} | T
\emptyset | \text{no real solutions} | T
\emptyset | \text{There is no solution} | T
\emptyset | \text{No solution exists} | T
\emptyset | no solutions exist | T
\emptyset | \text{null set} | T
\emptyset | \{\emptyset\} | F
\emptyset | \text{solution} | F
\tan x | tan x | T
\tan x | tan(x) | T
\tan x | \sin x/\cos x | T
\tan x | \frac{1}{\cot x} | T
\tan x | \tan y | F
\tan x | \tan(2x)/2 | F
\ln 2 | ln 2 | T
\ln 2 | ln(2) | T
\ln 2 | -\ln(1/2) | T
\ln 2 | \ln2 | T
\ln 2 | \log_2 e | F
\ln 2 | 0.693147 | T
\ln 2 | 0.69 | F
e^{x} | \mathrm{e}^x | T
e^{x} | e**x | T
e^{x} | exp(x) | T
e^{x} | e^{2x} | F
e^{x} | x | F
\lfloor \pi \rfloor | floor(pi) | T
x^2+2x+1 | x²+2x+1 | T
x^2+2x+1 | \left(x+1\right)^2 | T
x^2+2x+1 | (x+1)(x+1) | T
x^2+2x+1 | x^2+2x+1=0 | F
x^2+2x+1 | y^2+2y+1 | F
\frac{\sqrt{3}}{3} | \tan 30^\circ | T
\frac{\sqrt{3}}{3} | \tan\frac{\pi}{6} | T
\frac{\sqrt{3}}{3} | 0.577 | F
\frac{\sqrt{3}}{3} | 3^{-\frac{1}{2}} | T
\frac{\sqrt{3}}{3} | \frac{1}{3}\sqrt{3} | T
\frac{\sqrt{3}}{3} | 1/\sqrt{3} | T
\frac{\sqrt{3}}{3} | 1/sqrt(3) | T
\frac{\sqrt{3}}{3} | \sqrt{3}/9 | F
5! | 5 \cdot 4 \cdot 3 \cdot 2 \cdot 1 | T
5! | 5 × 4 × 3 × 2 × 1 | T
\binom{5}{2} | {5 \choose 2} | T
\binom{5}{2} | C(5,2) | T
\binom{5}{2} | \frac{5 \cdot 4}{2} | T
1234567 | 12,34,567 | T
1234567 | 1'234'567 | T
1234567 | 1,234,567.00 | T
1234567 | 1_234_567 | T
1234567 | 1,234,568 | F
1,000,000 | one million | T
1,000,000 | 1 \text{ million} | T
1,000,000 | 1e6 | T
1,000,000 | 1 billion | F
12 | 12! | F
12 | 1.2 \times 10 | T
12 | twelve | T
x | 1x | T
x | x^1 | T
x | -x | F
1 | |-1| | T
1 | \cos 0 | T
1 | \sin^2 x+\cos^2 x | T
42 | ４２ | T
42 | ⁴² | F
\frac{1}{2} | ⅟2 | T
\pi | pi | T
\pi | 3.14159265 | T
\pi | p | F
3\times4=12 | 3×4=12 | T
3\times4=12 | 12 | T
3\times4=12 | 3 * 4 = 12 | T
3\times4=12 | 3\times4=13 | F
5 | 5 sq. units | T
5 | 5 \text{ square units} | T
5 | 5^\circ\text{C} | T
5 | 5 m^2 | T
5 | five meters | T
5 | 5m | T
5 | 5 L | T
5 | 5 \text{ (apples)} | T
15\text{ ft}^2 | 15ft² | T
15\text{ ft}^2 | 15 sq ft | T
15\text{ ft}^2 | 15 \text{ sq. ft.} | T
60\text{ mph} | 60 \frac{\text{miles}}{\text{hour}} | T
60\text{ mph} | 60 mi/h | T
60\text{ mph} | 60 miles/hour | T
4.5 \times 10^{33} | 4.5 × 10³³ erg/s | T
4.5 \times 10^{33} | 4.5 \times 10^{33} \, \text{erg} \, \text{s}^{-1} | T
4.5 \times 10^{33} | 4.5 \times 10^{33} \mathrm{~erg} / \mathrm{s} | T
10^{3},10 | 10, 1000 | T
5or9 | 5 \text{ or } 9 | T
5am | 5:00 am | F
{1} | 1 | T
D | \text{(D)} | T
D | D. 42 | T
D | \mathrm{D} | T
D | A | F
np.arcsin(10/13) | \sin^{-1}\left(\frac{10}{13}\right) | T
np.arcsin(10/13) | arcsin(10/13) | T
f(x)=x,f(x)=2-x | f(x) = x \text{ and } f(x) = 2-x | T
f(x)=x,f(x)=2-x | f(x)=2-x | F
(1,1),(3,2) | (3, 2) \text{ and } (1, 1) | T
(1,1),(3,2) | \{(1,1),(3,2)\} | T
(1,1),(3,2) | (x,y) = (1,1), (3,2) | T
1+\sqrt{3}i | 1+i\sqrt{3} | T
1+\sqrt{3}i | 2e^{i\pi/3} | T
1+\sqrt{3}i | 2 | F
\frac{1}{s}-\frac{1}{s}e^{-sT} | \frac{1}{s}(1-e^{-sT}) | T
\frac{1}{s}-\frac{1}{s}e^{-sT} | \frac{1}{s}(1+e^{-sT}) | F
\frac{K-1}{L} | (K-1)/L | T
2\pi/\omega | 2 \pi / \omega | T
2\pi/\omega | \frac{2\pi}{w} | F
\sqrt{2}\cos(2t-\pi/4) | \cos 2t + \sin 2t | T
\sqrt{2}\cos(2t-\pi/4) | \cos(2t) + \sin(2t) | T
\frac{e^{-2t}}{15} | \frac{1}{15}e^{-2t} | T
\frac{e^{-2t}}{15} | e^{-2t}/15 | T
-a^4 | -a^{4} | T
- a ^ { 4 } | (-a)^4 | F
x \ne - \frac { 3 } { 2 } | x \neq -1.5 | T
y = 3 ( x - 1 ) ^ { 2 } - 2 | y=3x^2-6x+1 | T
y = 3 ( x - 1 ) ^ { 2 } - 2 | 3(x-1)^2-2 | T
\frac{2016}{2017^{2}} | 2016/2017^2 | T
8(\sqrt[10]{2^{7}}) | 8 \cdot 2^{7/10} | T
8(\sqrt[10]{2^{7}}) | 8 \cdot 2^{0.7} | T
\frac{1}{2},\sqrt{x} | \sqrt{x}, \frac12 | T
10{,}000 | 10000 | T
50,625 | 50625 | T
145 | 145^\circ | T
6764,10945 | 10945, 6764 | T
12 | \frac{144}{12} \text{ cm}^2 | T
n^2 | n \cdot n | T
n^2 | n*n | T
n^2 | nn | T
\frac{n}{2} | \frac{n}{2} \text{ for even } n | F
2^{1009} | 2^{1009} | T
2^{1009} | 4^{504} \cdot 2 | T
2^{1009} | 2^{1008} | F
10^{100} | 10^{100}+1 | F
\frac{10^{20}+1}{10^{20}} | 1 | F
\sqrt{10001} | 100 | F
\sum_{k=1}^{n} k | \sum_{k=1}^n k | T
\int_0^1 f(x)\,dx | \int_0^1 f(x) dx | T
\sum_{k=1}^{n} k^2 | \sum_{j=1}^{n} j^2 | T
(-2,2) | x^2<4 | T
# mixed numbers with a sign or a unit behind them
33\frac{1}{3}\% | \frac{1}{3} | T
33\frac{1}{3}\% | \frac{100}{3}\% | T
33\frac{1}{3}\% | 33\% | F
22.5^\circ | 22\frac{1}{2}^\circ | T
12.5 | 12\frac{1}{2}\% | T
12.5 | 12 1/2% | T
12.5 | 12\frac{1}{2} \text{ cm} | T
12.5 | 6\% | F
# units with powers, products and quotients
120\text{ square inches} | 120 in^2 | T
120\text{ square inches} | 12 in^2 | F
14 | 14 in | T
14 | 14 in 3 | F
5\text{ m/s} | 5\ \mathrm{m\,s^{-1}} | T
5\text{ m/s} | 18\text{ km/h} | T
5\text{ m/s} | 18 km/h | T
5\text{ m/s} | 5 km/h | F
90\text{ km/h} | 25 meters per second | T
36\text{ cm}^2 | 0.0036 \text{ m}^2 | T
36\text{ cm}^2 | 36 m^2 | F
36\text{ cm}^2 | 0.36 \text{ m}^2 | F
2.5\text{ L} | 2500\text{ cm}^3 | T
60\text{ mph} | 60\text{ miles per hour} | T
300\text{ K} | 300^\circ\text{C} | F
25^\circ\text{C} | 25 degrees | T
25^\circ\text{C} | 25°C | T
25^\circ\text{C} | 25°F | F
# amounts
3,200,000 | \$3.2 million | T
3,200,000 | \$3.2M | T
3,200,000 | \$32,000,00 | F
1,000,000 | \$1,000,00 | F
1,000,000 | 1M | F
# ends, unions and half-lines
(2,5] | ]2,5] | T
(2,5] | [2,5[ | F
(-\infty,-1)\cup[4,\infty) | (-\infty,-1) U [4,\infty) | T
(0,\infty) | \mathbb{R}^+ | T
(0,\infty) | \mathbb{R}_{>0} | T
(0,\infty) | \text{all positive real numbers} | T
(0,\infty) | \text{all non-negative real numbers} | F
[0,\infty) | \text{all nonnegative real numbers} | T
# numerals and ratios
2A7_{16} | 2a7_{16} | T
2A7_{16} | 2A7_{15} | F
2122_3 | 2122 \text{ (base 3)} | T
2122_3 | 2122 \text{ (base 4)} | F
5:3 | 5 to 3 | T
5:3 | 3 to 5 | F
0.125 | 0{.}125 | T
# asides
48 | 48 (24 in April and 24 in May) | T
24 | 48 (24 in April and 24 in May) | F
\text{Friday} | It is Friday | T
\text{Friday} | It is Saturday | F
"""


def table() -> dict[str, list[tuple[str, str, bool]]]:
    classes: dict[str, list[tuple[str, str, bool]]] = {}
    name = ""
    for line in filter(None, TABLE.split("\n")):
        if line.startswith("# "):
            name = line[2:]
            continue
        gold, rest = line.split(" | ", 1)
        answer, expected = rest.rsplit(" | ", 1)
        classes.setdefault(name, []).append((gold.strip(), answer, expected.strip() == "T"))
    return classes


CLASSES = table()


def verdicts(pairs: list[tuple[str, str]]) -> list[bool]:
    answers = [Answer({}, gold, f"So the final answer is $\\boxed{{{answer}}}$.") for gold, answer in pairs]
    return [score.value == 1.0 for score in scorer.score(answers, SandboxSpec())]


@pytest.mark.parametrize("name", CLASSES)
def test_right_answers_are_right_and_wrong_ones_wrong(name: str):
    rows = CLASSES[name]
    found = verdicts([(gold, answer) for gold, answer, _ in rows])
    mistakes = [(row, equal) for row, equal in zip(rows, found, strict=True) if row[2] != equal]
    assert not mistakes


def test_every_gold_answer_equals_itself():
    golds = sorted({gold for rows in CLASSES.values() for gold, _, _ in rows})
    found = verdicts([(gold, gold) for gold in golds])
    assert [gold for gold, equal in zip(golds, found, strict=True) if not equal] == []


def test_gold_answers_of_different_classes_are_different():
    """Only known coincidences are equal among a sample of all pairs."""
    firsts = [rows[0][0] for name, rows in CLASSES.items() if name != "further spellings"]
    pairs = [pair for pair in itertools.permutations(firsts, 2) if pair[0] != pair[1]]
    equal = [pair for pair, same in zip(pairs, verdicts(pairs), strict=True) if same]
    assert equal == []


def test_a_number_with_a_unit_that_is_another_size_is_wrong():
    found = verdicts([(r"10\text{ cm}", r"10\text{ m}"), (r"10\text{ cm}", r"0.1\text{ m}"), ("2 hours", "2 minutes")])
    assert found == [False, True, False]


@pytest.mark.parametrize("char", ["\u200b", "\u2060", "\ufeff", "\u202a", "\u202c", "\xad", "\u200f"])
def test_invisible_characters_change_nothing(char: str):
    assert verdicts([("17", f"17{char}"), ("17", f"{char}17"), ("17", f"1{char}7"), ("17", f"1{char}8")]) == [
        True,
        True,
        True,
        False,
    ]
