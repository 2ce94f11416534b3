import time,numpy as np,itertools,pickle,os
from PIL import Image,ImageDraw
from digits_train.data import unipen
from digits_train.camera.materials import make_materials
from digits_train.camera.presets import REAL_PAPER
from digits_train.camera.crops import draw_crops
import digits_train; print(digits_train.__file__)
t=time.time(); m=make_materials(unipen.load(),0,REAL_PAPER,200,1500); print('materials',time.time()-t)
r=np.random.default_rng(1)
t=time.process_time(); cs=list(itertools.islice(draw_crops(m,r),1000)); print('ms a crop',time.process_time()-t)
print('text',sum(bool(c.text) for c in cs),'empty',sum(c.text=='' for c in cs),'none',sum(c.text is None for c in cs),'whole',sum(c.whole for c in cs))
cs=cs[::5]
im=Image.new('L',(1600,200//4*66+66),255); d=ImageDraw.Draw(im); x=y=0
for c in cs:
    p=Image.fromarray(c.pixels)
    if p.width>780: continue
    if x+p.width>1600: x=0;y+=64
    im.paste(p,(x,y)); d.text((x+2,y+49),f"{c.text!r} {'W' if c.whole else '-'}",fill=0); x+=max(p.width,70)+6
im.crop((0,0,1600,y+66)).save('/work/tmp/crops.png')
