/** Two themes by the reader's own choice; colours hold at least 4.5 to 1 against what they stand on. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#fbfbfa;--card:#fff;--ink:#1d2126;--soft:#59636e;--line:#d5dae0;--link:#0b5cad;--good:#176f3a;--bad:#b3261e;--warn:#8a5300;--good-back:#e2f3e7;--bad-back:#fbe4e2;--warn-back:#fbefd6;--dim-back:#edeff2;--lit:#0b6bcb}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--card:#1c2026;--ink:#e4e7eb;--soft:#a3adb8;--line:#39414b;--link:#7fb8ff;--good:#7fd69b;--bad:#ff9b92;--warn:#f1c069;--good-back:#17351f;--bad-back:#45201d;--warn-back:#3d2f12;--dim-back:#262c34;--lit:#5ea8f5}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
header,main,footer{max-width:78rem;margin:0 auto;padding:0 1.25rem}
main:focus,h2:focus{outline:none}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.5rem 1rem;z-index:1}
.brand{margin:1.25rem 0 0;font-weight:600;letter-spacing:.04em;color:var(--soft)}
h1{margin:.25rem 0 1rem;font-size:1.6rem;line-height:1.3;padding-left:.9rem;border-left:.4rem solid var(--soft)}
h1.agrees{border-color:var(--good)}h1.differs{border-color:var(--bad)}
h2{font-size:1.25rem;margin:0 0 .5rem}h3{font-size:1rem;margin:.25rem 0}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem 1.25rem;margin:1rem 0}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--lit);outline-offset:2px;border-radius:2px}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:.75rem 0}
.figures,.about{display:flex;flex-wrap:wrap;gap:.5rem 1.75rem;margin:0}
.figures div{display:flex;flex-direction:column-reverse}
.figures .none dd{color:var(--soft);font-weight:400}
.figures dd{margin:0;font-size:1.35rem;font-weight:600;font-variant-numeric:tabular-nums}
dt,.note,.facts,.status,footer{color:var(--soft);font-size:.875rem}
.note{margin:.25rem 0 .75rem}
.about dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.notice{background:var(--warn-back);padding:.75rem 1rem;border-radius:.4rem}
code{font:.8125rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
.findings{margin:0;padding-left:1.5rem}.findings>li{margin:0 0 1rem}.findings p{margin:.2rem 0}.statement{font-weight:500}
.findings summary{cursor:pointer;color:var(--soft);font-size:.875rem}
.evidence{margin:.25rem 0;padding-left:1.25rem;font-size:.9rem}
form{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;margin:.5rem 0}
input,select,button{font:inherit;font-size:.9rem;color:var(--ink);background:var(--paper);border:1px solid var(--soft);border-radius:.35rem;padding:.25rem .6rem}
input[type=search]{width:min(24rem,60vw)}input[type=number]{width:7rem}
button{cursor:pointer}button:disabled{opacity:.5;cursor:default}
.pages{display:flex;gap:.5rem;margin:.5rem 0 0}[hidden]{display:none!important}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.875rem}
th{text-align:left;white-space:nowrap;color:var(--soft);font-weight:600}
th,td{padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.dead td:first-child,td .short{white-space:nowrap}td .long{display:block;min-width:24rem}
tbody tr:hover{background:var(--dim-back)}
tr.dead td{color:var(--soft)}tr.dead td:first-child::after{content:" never matched";font-size:.75rem;font-style:italic}
.differs{color:var(--bad)}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.badge{display:inline-block;padding:0 .45rem;border-radius:.7rem;font-size:.8rem;white-space:nowrap;background:var(--dim-back);color:var(--ink)}
.badge.alike,.badge.predicted{background:var(--good-back);color:var(--good)}
.badge.only-simulated,.badge.only-on-the-host{background:var(--bad-back);color:var(--bad)}
.badge.field-differs{background:var(--warn-back);color:var(--warn)}
.timeline{display:block;width:100%;height:9rem}
.ticks{display:block;width:100%;height:1rem;fill:var(--soft);font-size:.8125rem;font-variant-numeric:tabular-nums}
.timeline .axis{stroke:var(--line);vector-effect:non-scaling-stroke}.timeline rect{vector-effect:non-scaling-stroke}
.side{display:flex;justify-content:space-between;gap:1rem;margin:.25rem 0;color:var(--soft);font-size:.8125rem;font-variant-numeric:tabular-nums}
.timeline a:hover rect,.timeline a:focus-visible rect{stroke:var(--ink);stroke-width:2}
rect.alike,rect.predicted{fill:var(--soft)}rect.field-differs{fill:var(--warn)}rect.only-simulated{fill:var(--bad)}rect.only-on-the-host{fill:var(--lit)}rect.lost,rect.not-captured,rect.undecidable,rect.doubtful{fill:none;stroke:var(--soft);stroke-dasharray:2 2}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:.5rem 0 0;padding:0;font-size:.875rem}
.swatch{display:inline-block;width:.8rem;height:.8rem;margin-right:.4rem;border-radius:2px;vertical-align:-1px}
.swatch.alike{background:var(--soft)}.swatch.field-differs{background:var(--warn)}.swatch.only-simulated{background:var(--bad)}.swatch.only-on-the-host{background:var(--lit)}.swatch.lost{border:1px dashed var(--soft)}
.trip{margin:1rem 0 0}.trip h3{overflow-wrap:anywhere}
.picture{display:block;width:100%;min-width:46rem;max-width:64rem;height:auto}
.picture.half{min-width:0;max-width:32rem}
.marks{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:.5rem 0;color:var(--soft);font-size:.8125rem}.marks i{color:var(--lit);font-style:normal}
.picture text{font:11.5px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--ink)}
.picture .frame{fill:var(--paper);stroke:var(--line)}
.picture .box{opacity:.55}.picture .box.lit{opacity:1}
.picture .lit>.frame{stroke:var(--lit);stroke-width:2}.picture .last>.frame{stroke:var(--bad)}
.picture .name{font-weight:700;font-size:13px}.picture .detail{fill:var(--soft);font-size:11px}.picture .last>.detail{fill:var(--bad)}
.picture .change{fill:var(--warn);font-weight:600}
.picture .skipped text{fill:var(--soft);font-style:italic}
.picture .mark.hit{fill:var(--lit)}.picture .mark.miss{fill:none;stroke:var(--soft)}.picture .mark.unknown{fill:none;stroke:var(--warn);stroke-dasharray:2 1}.picture .mark.hotdrop{fill:var(--bad)}
.picture text.mark{stroke:none;fill:var(--soft)}.picture text.mark.hit{fill:var(--lit)}
.picture .verdict{font-weight:700;fill:var(--soft)}.picture .verdict.ACCEPT{fill:var(--good)}.picture .verdict.DROP{fill:var(--bad)}
.edge .line{fill:none;stroke:var(--line);stroke-width:2}.edge .tip{fill:var(--line)}
.edge.lit .line{stroke:var(--lit);stroke-width:3}.edge.lit .tip{fill:var(--lit)}
.walk{list-style:none;margin:.5rem 0;padding:0;font-size:.875rem}
.walk li{padding:.1rem 0 .1rem .75rem;border-left:3px solid transparent;overflow-wrap:anywhere}
.walk .hook{margin-top:.6rem;border-color:var(--lit);background:var(--dim-back)}
.walk .chain,.walk .skip{margin-left:1rem}.walk .rule,.walk .missed,.walk .verdict{margin-left:2rem}
.walk .change,.walk .route{margin-left:1rem}
.walk .depth-1{margin-left:3rem}.walk .depth-2{margin-left:4rem}.walk .depth-3,.walk .depth-4,.walk .depth-5,.walk .depth-6{margin-left:5rem}
.walk .miss,.walk .skip,.walk .missed{color:var(--soft)}.walk .rule.hit{border-color:var(--lit)}.walk .sign{font-weight:600}
.walk .conditions{display:block;color:var(--soft);padding-left:1.5rem}
.walk .change{color:var(--warn)}.walk ins{text-decoration:none;font-weight:600}
.walk .end{margin-top:.6rem}.walk .dropped{border-color:var(--bad)}.walk .sent,.walk .delivered{border-color:var(--good)}
footer{padding-bottom:2rem}footer ul{padding-left:1.1rem}
@page{margin:14mm}
@media print{:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--link:#000;--good:#176f3a;--bad:#b3261e;--warn:#8a5300;--lit:#0b5cad;--dim-back:#eee;--good-back:#fff;--bad-back:#fff;--warn-back:#fff}
body{font-size:10pt}nav,form,.pages,.skip,.screen{display:none}section{border:0;padding:0;break-inside:auto}.scroll{overflow:visible}table,.walk{font-size:8pt}code{font-size:7.5pt}tr,.findings>li,.picture,.timeline{break-inside:avoid}thead{display:table-header-group}h2,h3,.note,.status,.side{break-after:avoid}header,main,footer{max-width:none;padding:0}.picture{max-width:42rem}.timeline{height:7rem}a{text-decoration:none}.picture{min-width:0}*{print-color-adjust:exact}}
`;
